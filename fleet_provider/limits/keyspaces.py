"""Keyspaces: the memory of all keys under a prefix, measured and brought below the limit."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleet_provider.clients.valkey import Refusal, Session
from fleet_provider.limits.removals import LARGEST_COLLECTION, Removal, What
from fleet_provider.resources.register import Kind, entries_read

_COUNTS = {"hash": "HLEN", "list": "LLEN", "set": "SCARD", "stream": "XLEN", "zset": "ZCARD"}
_WHOLE = 0  # MEMORY USAGE looks at all elements; otherwise at the first five, and a large one hides behind them
_AT_ONCE = 10_000  # elements that the server looks at before it answers others, but for a single key


@dataclass(frozen=True, kw_only=True)
class _Measured:
    key: str
    bytes_: int
    is_too_large: bool = False


def keyspaces_keep(session: Session) -> list[Removal]:
    """Bring every keyspace below its limit, and remove the keys that are too large to measure."""
    limits = {prefix: entry.max_bytes for prefix, entry in entries_read(session, Kind.KEYSPACE)}
    if not limits:
        return []
    used, large = _used(session, set(limits))
    removals = [Removal(what=What.LARGE, of=prefix, count=count) for prefix, count in large.items()]
    for prefix, limit in limits.items():
        if used[prefix] > limit:
            count = _keys_remove(session, prefix, at_least_bytes=used[prefix] - limit)
            removals.append(Removal(what=What.KEYS, of=prefix, count=count))
    return removals


def _used(session: Session, prefixes: set[str]) -> tuple[Counter[str], Counter[str]]:
    """Return the memory of the keys in bytes, and the number of those that were too large and removed, by prefix."""
    used: Counter[str] = Counter()
    large: Counter[str] = Counter()
    for keys in session.scan("*"):
        for measured in _measured(session, [key for key in keys if _prefix(key) in prefixes]):
            prefix = _prefix(measured.key)
            if measured.is_too_large:
                large[prefix] += session.call("UNLINK", measured.key)
            else:
                used[prefix] += measured.bytes_
    return used, +large


def _prefix(key: str) -> str:
    return f"{key.partition(':')[0]}:"


def _measured(session: Session, keys: list[str]) -> Iterator[_Measured]:
    """Measure keys whole, but for those with too many elements; one that goes meanwhile has none."""
    kinds = session.calls(("TYPE", key) for key in keys)
    counted = [(_COUNTS[kind], key) for kind, key in zip(kinds, keys, strict=True) if kind in _COUNTS]
    plain = [(key, 1) for kind, key in zip(kinds, keys, strict=True) if kind not in _COUNTS]
    elements = []
    for (_, key), count in zip(counted, session.answers(counted), strict=True):
        if isinstance(count, Refusal):  # it is of another kind by now; the next pass counts it
            elements.append((key, LARGEST_COLLECTION))
        elif count > LARGEST_COLLECTION:
            yield _Measured(key=key, bytes_=0, is_too_large=True)
        else:
            elements.append((key, count))
    for batch in _batches([*plain, *elements]):
        sizes = session.calls(("MEMORY", "USAGE", key, "SAMPLES", _WHOLE) for key in batch)
        for key, size in zip(batch, sizes, strict=True):
            yield _Measured(key=key, bytes_=size or 0)


def _batches(counted: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Put keys together as long as they have few elements: the server works off what comes at once without a break."""
    batch: list[str] = []
    room = _AT_ONCE
    for key, count in counted:
        if batch and count > room:
            yield batch
            batch, room = [], _AT_ONCE
        batch.append(key)
        room -= count
    if batch:
        yield batch


def _keys_remove(session: Session, prefix: str, *, at_least_bytes: int) -> int:
    """Remove keys until so much memory is free, and return how many."""
    removed = freed = 0
    for keys in session.scan(f"{prefix}*"):
        chosen = []
        for measured in _measured(session, keys):
            if freed >= at_least_bytes:
                break
            chosen.append(measured.key)
            freed += measured.bytes_
        if chosen:
            removed += session.call("UNLINK", *chosen)
        if freed >= at_least_bytes:
            break
    return removed
