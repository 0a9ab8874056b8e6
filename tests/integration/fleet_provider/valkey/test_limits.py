"""Streams and keyspaces that grew beyond their limits are brought back, and no others are touched."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis

from fleet_provider.clients.valkey import Session
from fleet_provider.faults import Fault
from fleet_provider.limits import limits_keep
from fleet_provider.limits.removals import LARGEST_COLLECTION, Removal, What
from fleet_provider.limits.streams import _CONSUMERS_REMOVE, MOST_CONSUMERS, streams_keep
from fleet_provider.resources.register import Entry, Kind, entry_write
from tests.integration.fleet_valkey import ValkeyFleet

MIB = 2**20


@pytest.fixture
def name(valkey: ValkeyFleet) -> Iterator[str]:
    """A name whose keys and entries are swept away."""
    name = f"t_{uuid4().hex[:12]}"
    yield name
    valkey.sweep(name)


def register(valkey: ValkeyFleet, kind: Kind, name: str, *, group: str = "", **limits: int) -> None:
    def work(session: Session) -> None:
        entry_write(session, kind, name, Entry(managed_by="res_limits", group=group, **limits))

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


def kept(valkey: ValkeyFleet) -> dict[tuple[What, str], int]:
    client = valkey.client()
    try:
        done = limits_keep(client)
    finally:
        client.close()
    return {(it.what, it.of): it.count for it in done}


def test_a_stream_that_is_too_long_loses_its_oldest_entries(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, max_length=100, max_bytes=MIB)
    sent = add(valkey, key, count=250)

    assert kept(valkey) == {(What.ENTRIES, key): 150}

    assert [id_ for id_, _ in valkey.admin.xrange(key)] == sent[-100:]
    assert kept(valkey) == {}


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

    assert kept(valkey) == {(What.ENTRIES, key): 1}

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
        assert set(kept(valkey)) == {(What.KEYS, prefix)}

        assert MIB * 0.9 <= used(valkey, prefix) <= MIB
        assert len(list(valkey.admin.scan_iter(f"{neighbor}*"))) == 200
        assert kept(valkey) == {}
    finally:
        valkey.sweep(f"{name}x")


def test_keys_that_are_no_texts_count_and_can_be_removed(name: str, valkey: ValkeyFleet) -> None:
    register(valkey, Kind.KEYSPACE, f"{name}:", max_bytes=MIB)
    with redis.Redis.from_url(valkey.url) as plain:
        plain.set(b"%s:\xff\xfe\r\n" % name.encode(), b"x" * 2 * MIB)

    assert kept(valkey) == {(What.KEYS, f"{name}:"): 1}


@pytest.mark.parametrize("kind", ["list", "hash", "set", "zset"])
def test_a_large_element_behind_many_small_ones_counts(name: str, valkey: ValkeyFleet, kind: str) -> None:
    register(valkey, Kind.KEYSPACE, f"{name}:", max_bytes=MIB)
    key = f"{name}:{kind}"
    small = [f"{number:05d}{'x' * 20}" for number in range(2000)]
    fill: dict[str, Callable[[str], object]] = {
        # In the middle: the server looks at the first nodes of a list.
        "list": lambda large: valkey.admin.rpush(key, *small, *small, large, *small, *small),
        "hash": lambda large: valkey.admin.hset(key, mapping={**dict.fromkeys(small, "x"), large[:9]: large}),
        "set": lambda large: valkey.admin.sadd(key, *small, large),
        "zset": lambda large: valkey.admin.zadd(key, {**dict.fromkeys(small, 1.0), large: 2.0}),
    }
    # Where it stands among the others is the server's secret: of a few hundred one is among those that are sampled.
    for number in range(3):
        valkey.admin.delete(key)
        fill[kind](f"{number:09d}{'y' * 3 * MIB}")
        if valkey.admin.memory_usage(key) < MIB:
            break
    else:
        pytest.fail("as sampled it never fits, so this proves nothing")

    assert kept(valkey) == {(What.KEYS, f"{name}:"): 1}

    assert not valkey.admin.exists(key)


def test_a_collection_with_too_many_elements_to_measure_is_removed(name: str, valkey: ValkeyFleet) -> None:
    register(valkey, Kind.KEYSPACE, f"{name}:", max_bytes=100 * MIB)
    valkey.admin.sadd(f"{name}:most", *range(LARGEST_COLLECTION))
    valkey.admin.sadd(f"{name}:more", *range(LARGEST_COLLECTION + 1))

    assert kept(valkey) == {(What.LARGE, f"{name}:"): 1}

    assert list(valkey.admin.scan_iter(f"{name}:*")) == [f"{name}:most"]


def test_entries_that_nobody_acknowledged_do_not_push_out_new_ones_when_they_are_gone(
    name: str, valkey: ValkeyFleet
) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, group="workers", max_length=1000, max_bytes=MIB)
    valkey.admin.xgroup_create(key, "workers", "0", mkstream=True)
    add(valkey, key, count=20_000)
    for _ in range(4):
        valkey.admin.xreadgroup("workers", "forgetful", {key: ">"}, count=5000)
    assert valkey.admin.xpending(key, "workers")["pending"] == 20_000

    assert kept(valkey) == {(What.ENTRIES, key): 19_000, (What.PENDING, key): 19_000}

    assert valkey.admin.memory_usage(key, samples=0) <= MIB
    assert valkey.admin.xlen(key) == valkey.admin.xpending(key, "workers")["pending"] == 1000
    assert kept(valkey) == {}


def test_what_is_pending_of_entries_removed_by_hand_goes_before_an_entry_does(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, group="workers", max_length=100_000, max_bytes=MIB)
    valkey.admin.xgroup_create(key, "workers", "0", mkstream=True)
    sent = add(valkey, key, count=20_000)
    valkey.admin.xreadgroup("workers", "forgetful", {key: ">"}, count=20_000)
    valkey.admin.xdel(key, *sent[10:-10])

    assert kept(valkey) == {(What.PENDING, key): 19_980}

    assert valkey.admin.xlen(key) == valkey.admin.xpending(key, "workers")["pending"] == 20
    assert valkey.admin.xack(key, "workers", *sent[:10]) == 10, "what is there stays with its reader"


def test_a_group_has_so_many_idle_consumers_and_those_that_hold_something_stay(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, group="workers", max_length=100, max_bytes=100 * MIB)
    valkey.admin.xgroup_create(key, "workers", "0", mkstream=True)
    (held,) = add(valkey, key, count=1)
    valkey.admin.xreadgroup("workers", "holder", {key: ">"})
    with valkey.admin.pipeline(transaction=False) as pipe:
        for number in range(MOST_CONSUMERS + 500):
            pipe.xreadgroup("workers", f"consumer-{number}", {key: ">"})
        pipe.execute()

    assert kept(valkey) == {(What.CONSUMERS, key): 501}

    left = {it["name"] for it in valkey.admin.xinfo_consumers(key, "workers")}
    assert len(left) == MOST_CONSUMERS
    assert {"holder", f"consumer-{MOST_CONSUMERS + 499}"} <= left
    assert "consumer-0" not in left, "the longest idle goes first"
    (again,) = add(valkey, key, count=1)
    assert valkey.admin.xreadgroup("workers", "consumer-0", {key: ">"})[0][1][0][0] == again
    assert valkey.admin.xack(key, "workers", held, again) == 2


def test_consumers_with_long_names_go_before_an_entry_does(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, group="workers", max_length=100, max_bytes=MIB)
    valkey.admin.xgroup_create(key, "workers", "0", mkstream=True)
    add(valkey, key, count=50)
    for number in range(30):
        valkey.admin.xgroup_createconsumer(key, "workers", f"{number}{'x' * 50_000}")

    assert kept(valkey) == {(What.CONSUMERS, key): 30}

    assert valkey.admin.xlen(key) == 50


def test_groups_beside_the_one_of_the_register_are_removed_while_it_is_there(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, group="workers", max_length=100, max_bytes=MIB)
    for group in ("old", "foreign"):
        valkey.admin.xgroup_create(key, group, "0", mkstream=True)
    assert kept(valkey) == {}, "a run may be about to take over from one of them"
    valkey.admin.xgroup_create(key, "workers", "0")

    assert kept(valkey) == {(What.GROUPS, key): 2}

    assert [it["name"] for it in valkey.admin.xinfo_groups(key)] == ["workers"]


class Interrupted(Session):
    """A connection on which something happens once a group was described, and before it is acted upon."""

    def __init__(self, session: Session, happens: Callable[[], object]) -> None:
        self.__dict__.update(session.__dict__)
        self.happens = happens

    def described(self, what: str, *of: str) -> list[dict[str, Any]]:
        found = super().described(what, *of)
        self.happens()
        return found


def interrupted(valkey: ValkeyFleet, happens: Callable[[], object]) -> list[Removal]:
    client = valkey.client()
    try:
        return client.run("Keeping limits", lambda session: streams_keep(Interrupted(session, happens)))
    finally:
        client.close()


def test_a_run_that_changes_the_register_meanwhile_keeps_its_groups(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    register(valkey, Kind.STREAM, key, group="workers", max_length=100, max_bytes=MIB)
    for group in ("workers", "next"):
        valkey.admin.xgroup_create(key, group, "0", mkstream=True)

    def renamed() -> None:
        register(valkey, Kind.STREAM, key, group="next", max_length=100, max_bytes=MIB)

    assert interrupted(valkey, renamed) == []

    assert {it["name"] for it in valkey.admin.xinfo_groups(key)} == {"workers", "next"}


def test_a_stream_that_goes_while_its_groups_are_looked_at_ends_nothing(name: str, valkey: ValkeyFleet) -> None:
    key, other = f"{name}:stream", f"{name}:stream-2"
    for each in (key, other):
        register(valkey, Kind.STREAM, each, group="workers", max_length=10, max_bytes=MIB)
        for group in ("workers", "foreign"):
            valkey.admin.xgroup_create(each, group, "0", mkstream=True)

    assert {it.of for it in interrupted(valkey, lambda: valkey.admin.delete(key))} == {other}


def test_a_consumer_that_took_something_since_it_was_looked_at_stays(name: str, valkey: ValkeyFleet) -> None:
    key = f"{name}:stream"
    valkey.admin.xgroup_create(key, "workers", "0", mkstream=True)
    (held,) = add(valkey, key, count=1)
    valkey.admin.xreadgroup("workers", "holder", {key: ">"})
    valkey.admin.xgroup_createconsumer(key, "workers", "idle")

    assert valkey.admin.eval(_CONSUMERS_REMOVE, 1, key, "workers", "holder", "idle") == 1

    assert [it["name"] for it in valkey.admin.xinfo_consumers(key, "workers")] == ["holder"]
    assert valkey.admin.xack(key, "workers", held) == 1


def test_what_the_register_does_not_know_and_what_it_holds_in_nonsense_is_left_alone(
    name: str, valkey: ValkeyFleet
) -> None:
    key = f"{name}:stream"
    add(valkey, key, count=300)
    valkey.admin.hset("slipway:register", f"stream/{key}", "nonsense")
    register(valkey, Kind.STREAM, f"{name}:string", max_length=1, max_bytes=MIB)
    valkey.admin.set(f"{name}:string", "no stream")
    try:
        assert kept(valkey) == {}
    finally:
        valkey.admin.hdel("slipway:register", f"stream/{name}:string")
    assert valkey.admin.xlen(key) == 300


def test_a_server_that_is_down_is_a_fault(name: str, valkey: ValkeyFleet) -> None:
    gone = ValkeyFleet.at(valkey.url.rpartition(":")[0] + ":1/0")

    with pytest.raises(Fault, match="the fleet's Valkey does not answer"):
        kept(gone)
