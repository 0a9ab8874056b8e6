"""Keep streams and keyspaces within the limits that the register of their Valkey names.

Valkey can neither refuse an XADD without MAXLEN nor count a user's memory, and a function runs with its caller's own
rights, so it cannot do for a user what the user may not. What remains is to come by often and remove what is too much.
Between two passes a limit can be exceeded; what the server as a whole can take is guarded by its ``maxmemory``.
"""

import math
from collections import Counter
from dataclasses import dataclass

from fleet_provider.clients.valkey import Refusal, Session, Valkey
from fleet_provider.resources.register import Entry, Kind, entries_read

_WHOLE = 0  # MEMORY USAGE looks at every node of a stream; sampling takes the oldest, which say little of the rest
_STEP_SHARE = 10  # a stream loses a tenth of its entries at a time: they differ in size, and none shall go for nothing
_STEPS = 100  # of one pass


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one pass removed."""

    entries: dict[str, int]
    """Entries by stream, where any were."""

    keys: dict[str, int]
    """Keys by prefix of a keyspace, where any were."""


def limits_keep(valkey: Valkey) -> Pass:
    """Make one pass over a server; any number of processes may do so at once.

    Streams lose their oldest entries. Keyspaces lose keys in the order in which SCAN comes upon them, which is that of
    their hashes and so as good as random. Keys are looked at one step of SCAN at a time, and the server answers others
    in between; the walk took a second for 200 000 keys of keyspaces.

    Raises:
        Fault: The server cannot be reached or refuses.
    """
    return Pass(
        entries=valkey.run("Keeping streams within their limits", _streams_keep),
        keys=valkey.run("Keeping keyspaces within their limits", _keyspaces_keep),
    )


def _streams_keep(session: Session) -> dict[str, int]:
    removed = {key: _stream_keep(session, key, entry) for key, entry in entries_read(session, Kind.STREAM)}
    return {key: count for key, count in removed.items() if count}


def _stream_keep(session: Session, key: str, entry: Entry) -> int:
    try:
        removed: int = session.call("XTRIM", key, "MAXLEN", entry.max_length)
        for _ in range(_STEPS):
            length, used = session.calls([("XLEN", key), ("MEMORY", "USAGE", key, "SAMPLES", _WHOLE)])
            if not length or not used or used <= entry.max_bytes:
                break
            fitting = length * entry.max_bytes // used  # if all were of one size
            removed += session.call("XTRIM", key, "MAXLEN", max(fitting, length - math.ceil(length / _STEP_SHARE)))
    except Refusal as refusal:
        if refusal.code != "WRONGTYPE":  # put there by hand; the next run of its resource tells
            raise
        return 0
    return removed


def _keyspaces_keep(session: Session) -> dict[str, int]:
    limits = {prefix: entry.max_bytes for prefix, entry in entries_read(session, Kind.KEYSPACE)}
    if not limits:
        return {}
    used = _used(session, set(limits))
    excess = {prefix: used[prefix] - limit for prefix, limit in limits.items() if used[prefix] > limit}
    return {prefix: _keys_remove(session, prefix, at_least_bytes=bytes_) for prefix, bytes_ in excess.items()}


def _used(session: Session, prefixes: set[str]) -> Counter[str]:
    """Return the memory of the keys in bytes, by prefix."""
    used: Counter[str] = Counter()
    for keys in session.scan("*"):
        owned = [(key, prefix) for key in keys if (prefix := f"{key.partition(':')[0]}:") in prefixes]
        sizes = session.calls(("MEMORY", "USAGE", key) for key, _ in owned)
        for (_, prefix), size in zip(owned, sizes, strict=True):
            used[prefix] += size or 0  # None: it expired meanwhile
    return used


def _keys_remove(session: Session, prefix: str, *, at_least_bytes: int) -> int:
    """Remove keys until so much memory is free, and return how many."""
    removed = freed = 0
    for keys in session.scan(f"{prefix}*"):
        sizes = session.calls(("MEMORY", "USAGE", key) for key in keys)
        chosen = []
        for key, size in zip(keys, sizes, strict=True):
            if freed >= at_least_bytes:
                break
            chosen.append(key)
            freed += size or 0
        if chosen:
            removed += session.call("UNLINK", *chosen)
        if freed >= at_least_bytes:
            break
    return removed
