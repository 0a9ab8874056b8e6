"""A queue and a cache from order to end, as their owner uses them, and as nobody else does."""

from typing import Any

import pytest
import redis
from redis.exceptions import NoPermissionError

from tests.e2e.client import Client, Json
from tests.e2e.evidence import Evidence, search
from tests.e2e.live import LiveStack
from tests.integration.fleet_valkey import ValkeyFleet
from tests.waiting import wait_until

pytestmark = pytest.mark.live


@pytest.fixture
def fleet(live_stack: LiveStack) -> ValkeyFleet:
    """The Valkey on which things are ordered, as its admin."""
    return ValkeyFleet.at(live_stack.url("FLEET_VALKEY_URL"))


def owner_of(client: Client, resource: Json) -> Any:
    """Log in with the credentials that are shown once, by nothing but their URI."""
    shown = client.reveal(resource)
    assert shown["username"] == resource["outputs"]["username"]
    return redis.Redis.from_url(shown["uri"], decode_responses=True)


def test_all_offerings_are_listed(checkout: Client) -> None:
    listed = {row["slug"]: row["kind"] for row in checkout.get("offerings")["results"]}

    assert listed == {
        "postgres-database": "database",
        "preview-environment": "environment",
        "valkey-cache": "cache",
        "valkey-queue": "queue",
    }


def test_a_queue_is_ordered_used_trimmed_resized_and_given_back(checkout: Client, fleet: ValkeyFleet) -> None:
    resource = checkout.provision("jobs", offering="valkey-queue", parameters={"max_length": 20})
    outputs = resource["outputs"]
    stream, group = outputs["stream"], outputs["consumer_group"]
    assert group == "workers"
    assert stream.startswith(outputs["key_prefix"])

    with owner_of(checkout, resource) as owner:
        sent = owner.xadd(stream, {"job": "1"})
        ((_, entries),) = owner.xreadgroup(group, "one", {stream: ">"})
        assert entries == [(sent, {"job": "1"})]
        assert owner.xack(stream, group, sent) == 1
        with pytest.raises(NoPermissionError):
            owner.set(f"{outputs['key_prefix']}other", "1")
        with pytest.raises(NoPermissionError):
            owner.execute_command("FLUSHALL")

        for number in range(50):
            owner.xadd(stream, {"job": str(number)})
        wait_until(lambda: owner.xlen(stream) == 20, seconds=30)

        changed = {"plan": "medium", "parameters": {"max_length": 60, "consumer_group": "billing"}}
        assert checkout.finish(checkout.update(resource, **changed))["status"] == "completed"
        assert owner.xlen(stream) == 20, "a change of limits and group loses nothing"
        assert [found["name"] for found in owner.xinfo_groups(stream)] == ["billing"]

    assert checkout.finish(checkout.deprovision(resource))["status"] == "completed"
    assert fleet.left(outputs["username"]) == []


def test_a_cache_is_ordered_used_by_its_owner_alone_and_given_back(checkout: Client, fleet: ValkeyFleet) -> None:
    mine = checkout.provision("pages", offering="valkey-cache")
    theirs = checkout.provision("views", offering="valkey-cache")
    prefix = mine["outputs"]["key_prefix"]

    with owner_of(checkout, mine) as owner, owner_of(checkout, theirs) as neighbor:
        owner.set(f"{prefix}front", "<html>", ex=300)
        assert owner.get(f"{prefix}front") == "<html>"
        assert 0 < owner.ttl(f"{prefix}front") <= 300
        with owner.pipeline() as pipe:
            pipe.hset(f"{prefix}counts", "seen", "1")
            pipe.expire(f"{prefix}counts", 60)
            assert pipe.execute() == [1, True]
        for key in (f"{prefix}front", "slipway:register"):
            with pytest.raises(NoPermissionError):
                neighbor.get(key)
        for command in (("KEYS", "*"), ("SCAN", "0"), ("EVAL", "return 1", "0"), ("CONFIG", "GET", "*"), ("FLUSHDB",)):
            with pytest.raises(NoPermissionError):
                owner.execute_command(*command)

    for resource in (mine, theirs):
        assert checkout.finish(checkout.deprovision(resource))["status"] == "completed"
        assert fleet.left(resource["outputs"]["username"]) == []


def test_the_schema_of_a_queue_tells_everything_wrong_at_once(checkout: Client) -> None:
    answer = checkout.submit(
        checkout.ask("toobig", offering="valkey-queue", parameters={"max_length": 10_001, "consumer_group": "Workers"})
    )

    assert answer.status_code == 422
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"#/parameters/max_length", "#/parameters/consumer_group"}


def test_the_password_of_a_queue_is_written_down_nowhere(live_stack: LiveStack, checkout: Client) -> None:
    evidence = Evidence(live_stack)
    with evidence.watched():
        resource = checkout.provision("discreet", offering="valkey-queue")
        shown = checkout.reveal(resource)
        with redis.Redis.from_url(shown["uri"]) as owner:
            owner.xadd(resource["outputs"]["stream"], {"a": "b"})
        assert checkout.finish(checkout.deprovision(resource))["status"] == "completed"

    assert {"states", "plans", "run folders", "files"} <= set(search(evidence.samples, shown["username"]))
    assert search(evidence.samples, shown["password"]) == {}


def test_when_the_part_that_keeps_limits_is_killed_another_takes_over(live_stack: LiveStack, checkout: Client) -> None:
    resource = checkout.provision("bursts", offering="valkey-queue", parameters={"max_length": 5})
    live_stack.kill("limits")
    stream = resource["outputs"]["stream"]

    with owner_of(checkout, resource) as owner:
        for number in range(30):
            owner.xadd(stream, {"job": str(number)})
        wait_until(lambda: owner.xlen(stream) == 5, seconds=40)

    live_stack.wait_ready()
    assert checkout.finish(checkout.deprovision(resource))["status"] == "completed"
