"""Every Valkey of the connections is visited; trouble with one does not keep the others waiting."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis

from catalog.models import Connection
from catalog.models.connections import ConnectionKind, Tier
from catalog.services.connections import connection_ensure
from catalog.services.limits import connections_keep
from platform_api.core.sealing import seal_json
from platform_api.embedded.folder import CHECKOUT
from tests.people import TESTS
from tests.waiting import wait_until


def connect(slug: str, url: str, kind: ConnectionKind = ConnectionKind.VALKEY) -> Connection:
    return connection_ensure(
        slug=slug,
        kind=kind,
        tiers=list(Tier),
        endpoint={"host": "queues.example.com", "port": 6379},
        credentials={"url": url},
        caller=TESTS,
    )


@pytest.fixture
def valkey() -> Iterator[Any]:
    with redis.Redis.from_url(os.environ["FLEET_VALKEY_URL"], decode_responses=True) as client:
        yield client


@pytest.fixture
def crowded(valkey: Any) -> Iterator[str]:
    """A stream with ten entries where three are allowed."""
    key = f"t_{uuid4().hex[:12]}:stream"
    entry = '{"managed_by":"res_limits","max_length":3,"max_bytes":1048576}'
    valkey.hset("slipway:register", f"stream/{key}", entry)
    for number in range(10):
        valkey.xadd(key, {"number": str(number)})
    yield key
    valkey.hdel("slipway:register", f"stream/{key}")
    valkey.delete(key)


@pytest.mark.django_db
def test_all_are_visited_and_trouble_with_one_is_told_without_its_password(
    crowded: str, valkey: Any, caplog: pytest.LogCaptureFixture
) -> None:
    connect("a-down", "redis://admin:hunter2@127.0.0.1:1/0")
    wrong = connect("b-wrong", "redis://admin:hunter2@127.0.0.1:1/0")
    sealed = seal_json({"url": "redis://admin:hunter2@127.0.0.1:1/7"}, place=f"connection/{wrong.pk}/credentials")
    Connection.objects.filter(pk=wrong.pk).update(credentials=sealed)  # no service takes it
    connect("c-other", "postgresql://admin:hunter2@127.0.0.1:1/x", kind=ConnectionKind.POSTGRES)
    connect("d-well", os.environ["FLEET_VALKEY_URL"])

    with caplog.at_level(logging.INFO, logger="catalog"):
        connections_keep()

    assert valkey.xlen(crowded) == 3
    told = caplog.text
    assert "connection a-down: Keeping streams within their limits: the fleet's Valkey does not answer" in told
    assert "connection b-wrong: The fleet's credentials are of no use" in told
    assert "c-other" not in told
    assert f"connection d-well: removed 7 entries of {crowded}" in told
    assert "hunter2" not in told


@pytest.mark.django_db
def test_one_whose_seal_does_not_open_is_told_and_does_not_keep_the_others_waiting(
    crowded: str, valkey: Any, caplog: pytest.LogCaptureFixture
) -> None:
    other = connect("a-first", "redis://admin:hunter2@127.0.0.1:1/0")
    broken = connect("b-broken", os.environ["FLEET_VALKEY_URL"])
    # Sealed for another row, and no envelope at all.
    Connection.objects.filter(pk=broken.pk).update(credentials=bytes(other.credentials))
    Connection.objects.filter(pk=other.pk).update(credentials=b"hunter2")
    connect("c-well", os.environ["FLEET_VALKEY_URL"])

    with caplog.at_level(logging.INFO, logger="catalog"):
        connections_keep()

    assert valkey.xlen(crowded) == 3
    assert "connection a-first: no limit is kept. The value is not sealed by any key" in caplog.text
    assert "connection b-broken: no limit is kept. What is kept at connection does not open." in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.django_db
def test_one_that_takes_no_new_things_is_still_kept(crowded: str, valkey: Any) -> None:
    connect("retired", os.environ["FLEET_VALKEY_URL"])
    Connection.objects.update(is_active=False)

    connections_keep()

    assert valkey.xlen(crowded) == 3


def test_the_command_keeps_on_until_it_is_told_to_stop(committing_database: str, crowded: str, valkey: Any) -> None:
    connect("well", os.environ["FLEET_VALKEY_URL"])
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{committing_database}"
    process = subprocess.Popen(
        (sys.executable, "manage.py", "keep_limits"), cwd=CHECKOUT, env={**os.environ, "DATABASE_URL": url}
    )
    try:
        wait_until(lambda: valkey.xlen(crowded) == 3, seconds=40)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    assert code == 0
