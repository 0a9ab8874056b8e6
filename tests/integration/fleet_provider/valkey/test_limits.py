"""Streams and keyspaces that grew beyond their limits are brought back, and no others are touched."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from fleet_provider.clients.valkey import Session
from fleet_provider.faults import Fault
from fleet_provider.limits import limits_keep
from fleet_provider.resources.register import Entry, Kind, entry_write
from tests.integration.fleet_valkey import ValkeyFleet

MIB = 2**20


@pytest.fixture
def name(valkey: ValkeyFleet) -> Iterator[str]:
    """A name whose keys and entries are swept away."""
    name = f"t_{uuid4().hex[:12]}"
    yield name
    valkey.sweep(name)


def register(valkey: ValkeyFleet, kind: Kind, name: str, **limits: int) -> None:
    def work(session: Session) -> None:
        entry_write(session, kind, name, Entry(managed_by="res_limits", **limits))

    client = valkey.client()
    client.run("Registering", work)
    client.close()


def add(valkey: ValkeyFleet, key: str, *, count: int, size: int = 1) -> list[str]:
    with valkey.admin.pipeline(transaction=False) as pipe:
        for number in range(count):
            pipe.xadd(key, {"number": str(number), "body": "x" * size})
        return [str(id_) for id_ in pipe.execute()]


def put(valkey: ValkeyFleet, prefix: str, *, count: int, size: int) -> None:
    with valkey.admin.pipeline(transaction=False) as pipe:
        for number in range(count):
            pipe.set(f"{prefix}{number}", "x" * size)
        pipe.execute()


def used(valkey: ValkeyFleet, prefix: str) -> int:
    return sum(valkey.admin.memory_usage(key) for key in valkey.admin.scan_iter(f"{prefix}*"))


def kept(valkey: ValkeyFleet) -> tuple[dict[str, int], dict[str, int]]:
    client = valkey.client()
    try:
        done = limits_keep(client)
    finally:
        client.close()
    return done.entries, done.keys


def test_a_stream_that_is_too_long_loses_its_oldest_entries(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, max_length=100, max_bytes=MIB)
    sent = add(valkey, key, count=250)

    assert kept(valkey) == ({key: 150}, {})

    assert [id_ for id_, _ in valkey.admin.xrange(key)] == sent[-100:]
    assert kept(valkey) == ({}, {})


def test_a_stream_of_few_but_large_entries_is_brought_below_its_memory(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, max_length=1_000_000, max_bytes=MIB)
    # Small ones before and behind the large ones: the mean says nothing of what is left.
    sent = add(valkey, key, count=2000) + add(valkey, key, count=60, size=50_000) + add(valkey, key, count=2000)

    kept(valkey)

    left = [id_ for id_, _ in valkey.admin.xrange(key)]
    assert left == sent[-len(left) :]
    assert valkey.admin.memory_usage(key, samples=0) <= MIB
    assert len(left) > 1800, "a tenth more than needed is removed at most"


def test_one_entry_that_is_larger_than_the_limit_is_removed_itself(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, max_length=100, max_bytes=MIB)
    add(valkey, key, count=1, size=2 * MIB)

    assert kept(valkey) == ({key: 1}, {})

    assert valkey.admin.xlen(key) == 0


def test_consumers_go_on_when_entries_that_they_hold_were_removed(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, max_length=5, max_bytes=MIB)
    valkey.admin.xgroup_create(key, "workers", "0", mkstream=True)
    sent = add(valkey, key, count=10)
    valkey.admin.xreadgroup("workers", "one", {key: ">"}, count=3)
    kept(valkey)

    assert valkey.admin.xack(key, "workers", *sent[:3]) == 3
    ((_, entries),) = valkey.admin.xreadgroup("workers", "one", {key: ">"})
    assert [id_ for id_, _ in entries] == sent[-5:]


def test_a_keyspace_that_is_too_large_loses_about_as_many_keys_as_needed(name: str, valkey: ValkeyFleet) -> None:
    prefix, neighbor = f"{name}:", f"{name}x:"
    register(valkey, Kind.KEYSPACE, prefix, max_bytes=MIB)
    put(valkey, prefix, count=150, size=10_000)
    put(valkey, neighbor, count=200, size=10_000)
    try:
        entries, keys = kept(valkey)

        assert entries == {}
        assert set(keys) == {prefix}
        assert MIB * 0.9 <= used(valkey, prefix) <= MIB
        assert len(list(valkey.admin.scan_iter(f"{neighbor}*"))) == 200
        assert kept(valkey) == ({}, {})
    finally:
        valkey.sweep(f"{name}x")


def test_keys_that_are_no_texts_count_and_can_be_removed(name: str, valkey: ValkeyFleet) -> None:
    register(valkey, Kind.KEYSPACE, f"{name}:", max_bytes=MIB)
    with redis.Redis.from_url(valkey.url) as plain:
        plain.set(b"%s:\xff\xfe\r\n" % name.encode(), b"x" * 2 * MIB)

    assert kept(valkey) == ({}, {f"{name}:": 1})


def test_what_the_register_does_not_know_and_what_it_holds_in_nonsense_is_left_alone(
    name: str, valkey: ValkeyFleet
) -> None:
    key = f"{name}:stream"
    add(valkey, key, count=300)
    valkey.admin.hset("slipway:register", f"stream/{key}", "nonsense")
    register(valkey, Kind.STREAM, f"{name}:string", max_length=1, max_bytes=MIB)
    valkey.admin.set(f"{name}:string", "no stream")
    try:
        assert kept(valkey) == ({}, {})
    finally:
        valkey.admin.hdel("slipway:register", f"stream/{name}:string")
    assert valkey.admin.xlen(key) == 300


def test_a_server_that_is_down_is_a_fault(name: str, valkey: ValkeyFleet) -> None:
    gone = ValkeyFleet.at(valkey.url.rpartition(":")[0] + ":1/0")

    with pytest.raises(Fault, match="the fleet's Valkey does not answer"):
        kept(gone)
