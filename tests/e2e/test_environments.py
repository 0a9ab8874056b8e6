"""A preview from one call to the proof that nothing is left of it: real dispatcher, workers, Terraform and targets."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import redis

from tests.e2e.client import Client, Json
from tests.e2e.live import LiveStack
from tests.integration.fleet_valkey import ValkeyFleet
from tests.waiting import wait_until

pytestmark = pytest.mark.live

WHOLE_SECONDS = 90
"""Two runs after each other, each with what a lost hint or a slow start may cost."""


@pytest.fixture
def fleet(live_stack: LiveStack) -> ValkeyFleet:
    """The Valkey on which things are ordered, as its admin."""
    return ValkeyFleet.at(live_stack.url("FLEET_VALKEY_URL"))


def order(client: Client, name: str, **more: object) -> Json:
    answer = client.call(
        "PUT",
        f"projects/{client.project}/environments/{name}",
        json={"offering": "preview-environment", "reason": "Try a change", **more},
    )
    assert answer.status_code == 202, answer.text
    made: Json = answer.json()
    return made


def until(client: Client, environment: Json, is_so: Callable[[Json], bool]) -> Json:
    """Watch an environment until it is as it should be, and return it."""
    seen: list[Json] = []

    def look() -> bool:
        seen.append(client.get(f"environments/{environment['id']}"))
        return is_so(seen[-1])

    wait_until(look, seconds=WHOLE_SECONDS)
    return seen[-1]


def settled(status: str) -> Callable[[Json], bool]:
    """Tell an environment that stands so; one that failed instead is a failure of the test at once."""

    def is_so(seen: Json) -> bool:
        failures = [part["failure"] for part in seen["components"] if part["failure"]]
        assert status == "failed" or seen["status"] != "failed", failures
        return bool(seen["status"] == status)

    return is_so


def left(stack: LiveStack, fleet: ValkeyFleet, environment: Json) -> list[str]:
    """Return what stands on the targets under the names that the environment showed while it was there."""
    outputs = environment["outputs"]
    database, user = outputs["db"]["database"], outputs["events"]["username"]
    return [*(kind for kind, there in zip(("role", "database"), stack.fleet_has(database), strict=True) if there),
            *fleet.left(user)]  # fmt: skip


def runs(stack: LiveStack, environment: Json) -> list[tuple[str, str]]:
    """Return what was carried out, by the moments at which it had ended."""
    query = """
        SELECT run.operation, resource.name FROM run JOIN resource ON resource.id = run.resource_id
        WHERE resource.environment_id = (SELECT id FROM environment WHERE name = %s ORDER BY id DESC LIMIT 1)
        ORDER BY run.finished_at
    """
    with stack.control() as control:
        return [(str(operation), str(name)) for operation, name in control.execute(query, [environment["name"]])]


def test_a_preview_is_ordered_wired_used_given_back_and_not_brought_back(
    live_stack: LiveStack, checkout: Client, fleet: ValkeyFleet
) -> None:
    source = {"repository": "shop", "pull_request": 142}
    made = order(checkout, "pr-142", parameters={"connections": 7}, source=source, ttl_seconds=3600)
    assert [(part["name"], part["needs"]) for part in made["components"]] == [("db", []), ("events", ["db"])]
    ready = until(checkout, made, settled("ready"))
    database, events = ready["outputs"]["db"]["database"], ready["outputs"]["events"]

    assert live_stack.fleet_has(database) == (True, True)
    assert [each["name"] for each in fleet.admin.xinfo_groups(events["stream"])] == [database]
    with live_stack.fleet() as server:
        assert server.execute("SELECT datconnlimit FROM pg_database WHERE datname = %s", [database]).fetchone() == (7,)
    resource = checkout.get(f"resources/{ready['components'][1]['resource']}")
    with redis.Redis.from_url(checkout.reveal(resource)["uri"], decode_responses=True) as reader:
        sent = reader.xadd(events["stream"], {"order": "1"})
        ((_, entries),) = reader.xreadgroup(database, "one", {events["stream"]: ">"})
        assert entries == [(sent, {"order": "1"})]

    address = f"projects/checkout/environments/{ready['name']}"
    assert checkout.call("DELETE", f"{address}?confirm=pr-142").status_code == 202
    closed = until(checkout, made, settled("closed"))
    assert (closed["outputs"], closed["cost"]) == ({}, {"monthly": []})
    assert left(live_stack, fleet, ready) == []
    assert runs(live_stack, ready) == [
        ("provision", "db"), ("provision", "events"), ("deprovision", "events"), ("deprovision", "db"),
    ]  # fmt: skip

    late = checkout.call("PUT", address, json={"offering": "preview-environment", "source": source})
    assert (late.status_code, late.json()["code"]) == (410, "environment_closed")
    assert checkout.call("GET", address).status_code == 404


def test_an_expired_preview_is_taken_down_by_the_dispatcher(
    live_stack: LiveStack, checkout: Client, fleet: ValkeyFleet
) -> None:
    made = order(checkout, "pr-143", ttl_seconds=3600)
    ready = until(checkout, made, settled("ready"))
    assert left(live_stack, fleet, ready) != []
    with live_stack.control() as control:
        control.execute("UPDATE environment SET expires_at = now() - %s WHERE name = 'pr-143'", [timedelta(seconds=1)])

    until(checkout, made, settled("closed"))

    assert left(live_stack, fleet, ready) == []
    with live_stack.control() as control:
        query = "SELECT actor_name FROM audit_event WHERE action = 'environment.expired' AND object_name = 'pr-143'"
        assert control.execute(query).fetchall() == [("dispatcher",)]


def test_a_component_that_fails_says_what_is_left_and_all_else_can_be_given_back(
    live_stack: LiveStack, checkout: Client, fleet: ValkeyFleet
) -> None:
    made = order(checkout, "pr-144")
    with live_stack.control() as control:  # the queue's run begins only when the database is there
        row = control.execute(
            "SELECT physical_name FROM resource WHERE name = 'events' AND environment_id ="
            " (SELECT id FROM environment WHERE name = 'pr-144')"
        ).fetchone()
    assert row is not None
    stream = f"{row[0]}:stream"
    fleet.admin.xadd(stream, {"somebody": "else"})

    failed = until(checkout, made, settled("failed"))
    by_name = {part["name"]: part for part in failed["components"]}
    assert by_name["db"]["status"] == "ready"
    failure = by_name["events"]["failure"]
    assert failure["code"]
    assert by_name["events"]["status"] == "deprovisioned" or failure["objects_left"]
    database = failed["outputs"]["db"]["database"]
    assert live_stack.fleet_has(database) == (True, True)

    assert checkout.call("DELETE", f"environments/{made['id']}?confirm=pr-144").status_code == 202
    until(checkout, made, settled("closed"))
    assert live_stack.fleet_has(database) == (False, False)
    assert fleet.left(str(row[0])) == [f"key {stream}"], "what is somebody else's stays, and nothing besides"
    assert fleet.admin.xlen(stream) == 1
    fleet.admin.delete(stream)
