"""The password of a database is shown once to its owner, and is written down nowhere in clear."""

import base64
import subprocess
import sys
import uuid
from dataclasses import dataclass

import psycopg
import pytest
import redis

from platform_api.core.ids import Prefix
from tests.e2e.client import Json
from tests.e2e.evidence import Evidence, Samples, entries, forms, rows, search
from tests.e2e.live import LiveStack, uuid_of

pytestmark = pytest.mark.live

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
KINDS = {
    *("processes", "run folders", "broker keys", "broker commands"),
    *("answers", "logs", "files", "tables", "plans", "states"),
}


@dataclass(frozen=True)
class Life:
    """One database from order to end, with what was collected of it.

    Attributes:
        password: Shown once.
        kept: The credentials that were kept until then, opened.
        samples: By kind of place.
        physical_name: What role and database were called.
        run_id: The first run's id, as the database has it.
        order_key: The order's idempotency key.
    """

    password: str
    kept: bytes
    samples: Samples
    physical_name: str
    run_id: str
    order_key: str


def credentials_opened(stack: LiveStack, request: Json) -> bytes:
    """The credentials that are kept for a request's resource, opened with the stack's keys."""
    resource_id = uuid_of(Prefix.RESOURCE, request["resource"])
    with stack.control() as control:
        row = control.execute("SELECT sealed_credentials FROM resource WHERE id = %s", [resource_id]).fetchone()
    assert row is not None
    return stack.keys().open(row[0], place=f"resource/{resource_id}/credentials")


@pytest.fixture(scope="module")
def life(live_stack: LiveStack) -> Life:
    """Provision, update, reveal, use, deprovision, all of it watched."""
    live_stack.wait_ready()
    client, evidence, order_key = live_stack.clients["safe"], Evidence(live_stack), str(uuid.uuid4())
    with evidence.watched():
        request = client.submit(client.ask("secretive"), **{"Idempotency-Key": order_key}).json()
        assert client.finish(request)["status"] == "completed"
        resource = client.get(f"resources/{request['resource']['id']}")
        changed = client.finish(client.update(resource, plan="medium", parameters={"connection_limit": 31}))
        assert changed["status"] == "completed", changed
        evidence.read_tables()
        kept = credentials_opened(live_stack, request)
        shown = client.reveal(resource)
        with psycopg.connect(shown["uri"]) as owner:
            owner.execute("CREATE TABLE item (name text)")
        again = client.call("POST", f"resources/{resource['id']}/credentials")
        assert again.status_code == 410
        for asked in (request, changed):
            client.log(asked)
        gone = client.finish(client.deprovision(resource))
        assert gone["status"] == "completed", gone
    evidence.samples["answers"] = {(str(number), body) for number, body in enumerate(client.heard)}
    return Life(
        password=shown["password"],
        kept=kept,
        samples=evidence.samples,
        physical_name=resource["outputs"]["username"],
        run_id=str(live_stack.run_uuid(request)),
        order_key=order_key,
    )


def test_the_password_is_written_down_nowhere(life: Life) -> None:
    assert len(life.password) >= 32
    assert life.password.encode() in life.kept
    assert search(life.samples, life.password) == {}


def test_what_is_no_secret_is_found_in_every_kind_of_place(life: Life) -> None:
    """A search that finds nothing proves nothing unless it finds what is there."""
    assert set(life.samples) == KINDS
    by_name = search(life.samples, life.physical_name)
    assert {"answers", "run folders", "tables", "plans", "states", "files"} <= set(by_name)
    assert {"tfplan", "tfstate"} <= {name.rpartition(": ")[2] for name in by_name["plans"]}
    assert {"resource.physical_name", "log_line.line"} <= set(by_name["tables"])
    by_run = search(life.samples, life.run_id)
    assert {"logs", "broker commands", "tables"} <= set(by_run)
    assert {"idempotency_key.key", "audit_event.object_id"} <= {
        *search(life.samples, life.order_key)["tables"],
        *by_run["tables"],
    }
    assert search(life.samples, "slipway")["processes"] == ["cmdline", "environ"]


def test_every_kind_of_column_of_every_table_is_searched(live_stack: LiveStack) -> None:
    marker = uuid.uuid4().hex
    with live_stack.control() as control, control.transaction(force_rollback=True):
        control.execute("CREATE TABLE planted (a text, b jsonb, c bytea, d text[], e varchar(90), f uuid)")
        control.execute(
            "INSERT INTO planted VALUES (%(m)s, jsonb_build_object('k', %(m)s::text), convert_to(%(m)s, 'UTF8'), "
            "ARRAY[%(m)s], %(m)s, NULL)",
            {"m": marker},
        )
        found = search({"tables": set(rows(control))}, marker)
    assert found == {"tables": [f"planted.{column}" for column in "abcde"]}


def test_every_kind_of_key_of_the_broker_is_searched(live_stack: LiveStack) -> None:
    marker = uuid.uuid4().hex
    names = [f"planted-{kind}" for kind in ("hash", "list", "set", "string", "zset")]
    with redis.Redis.from_url(live_stack.url("REDIS_URL")) as broker:
        try:
            broker.hset(names[0], marker * 9, "held")
            broker.rpush(names[1], f"first {marker}")
            broker.sadd(names[2], marker)
            broker.set(names[3], marker * 9)
            broker.zadd(names[4], {marker: 1})
            found = search({"broker keys": set(entries(broker))}, marker)
        finally:
            broker.delete(*names)
    assert found == {"broker keys": names}


def test_arguments_and_environment_of_processes_are_searched(live_stack: LiveStack) -> None:
    said, hidden = uuid.uuid4().hex, uuid.uuid4().hex
    evidence = Evidence(live_stack)
    with subprocess.Popen(
        (sys.executable, "-IS", "-c", SLEEPER, said), env={"HIDDEN": hidden}, stdout=subprocess.PIPE
    ) as planted:
        assert planted.stdout is not None
        planted.stdout.readline()
        evidence.look_at_process(planted.pid)
        planted.kill()
    assert search(evidence.samples, said) == {"processes": ["cmdline"]}
    assert search(evidence.samples, hidden) == {"processes": ["environ"]}


@pytest.mark.parametrize("before", [b"", b"x", b"xy"])
@pytest.mark.parametrize("after", [b"", b"z", b"zz"])
def test_a_text_is_found_in_all_its_forms(before: bytes, after: bytes) -> None:
    needle = uuid.uuid4().hex
    held = before + needle.encode() + after
    for content in (held, held.hex().encode(), base64.b64encode(held)):
        assert any(form in content for form in forms(needle))
        assert not any(form in content for form in forms(uuid.uuid4().hex))
