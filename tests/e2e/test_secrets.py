"""Each password of a database is shown once to its owner, and is written down nowhere in clear."""

import base64
import json
import subprocess
import sys
import uuid
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
import pytest
import redis

from platform_api.core.ids import Prefix
from tests.e2e.client import Client, Json
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
        passwords: The first and that of its rotation, each shown once.
        kept: For each of them the credentials that were kept until it was shown, opened.
        samples: By kind of place.
        physical_name: What role and database were called.
        run_id: The first run's id, as the database has it.
        order_key: The order's idempotency key.
    """

    passwords: tuple[str, str]
    kept: tuple[Json, Json]
    samples: Samples
    physical_name: str
    run_id: str
    order_key: str


def credentials_opened(stack: LiveStack, resource: Json) -> Json:
    """The only credentials that are kept for a resource, opened with the stack's keys."""
    resource_id = uuid_of(Prefix.RESOURCE, resource)
    with stack.control() as control:
        ((sealed,),) = control.execute(
            "SELECT sealed FROM credential WHERE resource_id = %s AND sealed IS NOT NULL", [resource_id]
        ).fetchall()
    opened: Json = json.loads(stack.keys().open(sealed, place=f"resource/{resource_id}/credentials"))
    return opened


def used(client: Client, resource: Json) -> str:
    """Reveal a database's password, log in with it, and see that it is shown no second time; returns it."""
    shown = client.reveal(resource)
    with psycopg.connect(shown["uri"]) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS item (name text)")
    assert client.call("POST", f"resources/{resource['id']}/credentials").status_code == 410
    return shown["password"]


@pytest.fixture(scope="module")
def life(live_stack: LiveStack) -> Life:
    """Provision, update, reveal, use, rotate, reveal, use, deprovision, all of it watched."""
    live_stack.wait_ready()
    client, evidence, order_key = live_stack.clients["safe"], Evidence(live_stack), str(uuid.uuid4())
    with evidence.watched():
        request = client.submit(client.ask("secretive"), **{"Idempotency-Key": f'"{order_key}"'}).json()
        assert client.finish(request)["status"] == "completed"
        resource = client.get(f"resources/{request['resource']['id']}")
        changed = client.finish(client.update(resource, plan="medium", parameters={"connection_limit": 31}))
        assert changed["status"] == "completed", changed
        evidence.read_tables()
        first, password = credentials_opened(live_stack, resource), used(client, resource)
        rotated = client.finish(client.rotate(resource))
        assert rotated["status"] == "completed", rotated
        evidence.read_tables()
        second, new_password = credentials_opened(live_stack, resource), used(client, resource)
        for asked in (request, changed, rotated):
            client.log(asked)
        gone = client.finish(client.deprovision(resource))
        assert gone["status"] == "completed", gone
    evidence.samples["answers"] = {(str(number), body) for number, body in enumerate(client.heard)}
    return Life(
        passwords=(password, new_password),
        kept=(first, second),
        samples=evidence.samples,
        physical_name=resource["outputs"]["username"],
        run_id=str(live_stack.run_uuid(request)),
        order_key=order_key,
    )


def test_no_password_is_written_down_anywhere(life: Life) -> None:
    assert len(set(life.passwords)) == 2
    for password, kept in zip(life.passwords, life.kept, strict=True):
        assert len(password) >= 32
        assert kept["password"] == password
        assert search(life.samples, password) == {}


def test_a_verifier_stands_where_terraform_and_the_server_need_it_and_nowhere_else(life: Life) -> None:
    verifiers = [verifier for kept in life.kept for verifier in kept["verifiers"].values()]
    assert len(set(verifiers)) == 2
    for verifier in verifiers:
        found = search(life.samples, verifier)
        assert {"run folders", "plans", "states"} <= set(found)
        assert set(found) <= {"run folders", "plans", "states", "files"}


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
    for content in (held, held.hex().encode(), base64.b64encode(held), base64.urlsafe_b64encode(held)):
        assert any(form in content for form in forms(needle))
        assert not any(form in content for form in forms(uuid.uuid4().hex))


@pytest.mark.parametrize("needle", ["pass/word?with=signs", b"\xfb\xff\xfe" * 9])
def test_signs_and_bytes_are_found_in_all_their_forms(needle: str | bytes) -> None:
    held = needle.encode() if isinstance(needle, str) else needle
    for content in (held, quote(held, safe="").encode(), base64.b64encode(held), base64.urlsafe_b64encode(held)):
        assert any(form in content for form in forms(needle))
