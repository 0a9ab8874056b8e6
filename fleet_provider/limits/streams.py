"""Streams: the oldest entries go, and before them what hangs on a stream without an entry."""

import math
from collections import Counter

from fleet_provider.clients.valkey import Refusal, Session
from fleet_provider.limits.removals import Removal, What
from fleet_provider.resources.register import REGISTER, Entry, Kind, entries_read, entry_read

MOST_CONSUMERS = 1000
"""Consumers of a group. Beyond it those that hold nothing are removed, the longest idle first; one that reads again is
there again."""

_WHOLE = 0  # MEMORY USAGE looks at every node of a stream; sampling takes the oldest, which say little of the rest
_STEP_SHARE = 10  # a stream loses a tenth of its entries at a time: they differ in size, and none shall go for nothing
_STEPS = 100  # of one pass
_AT_ONCE = 1000  # groups, consumers or pending entries of one command; the server answers others in between
_NEVER_MS = 2**62  # nothing is idle so long: XAUTOCLAIM takes nothing over, and drops what is pending without an entry
_CHANGED = ("WRONGTYPE", "NOGROUP", "ERR no such key")  # by hand or by a run, meanwhile; the next pass or run tells

# In one go, for a consumer that has read meanwhile would take what it read with it.
_CONSUMERS_REMOVE = """
local removed = 0
for i = 2, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[i]) == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[i])
    removed = removed + 1
  end
end
return removed
"""


def streams_keep(session: Session) -> list[Removal]:
    """Bring every stream of the register within its limits."""
    removals = []
    for key, entry in list(entries_read(session, Kind.STREAM)):
        removed: Counter[What] = Counter()
        try:
            if session.call("EXISTS", key):
                _stream_keep(session, key, entry, removed)
        except Refusal as refusal:
            if not refusal.said.startswith(_CHANGED):
                raise
        removals += [Removal(what=what, of=key, count=count) for what, count in removed.items() if count]
    return removals


def _stream_keep(session: Session, key: str, entry: Entry, removed: Counter[What]) -> None:
    """Trim a stream and what hangs on it, and count in ``removed``."""
    removed[What.GROUPS] += _groups_remove(session, key)
    removed[What.ENTRIES] += session.call("XTRIM", key, "MAXLEN", entry.max_length)
    _rest_remove(session, key, removed, is_over=False)
    if _used(session, key) > entry.max_bytes:  # no entry shall go for what is of use to nobody
        _rest_remove(session, key, removed, is_over=True, is_whole=True)
    for _ in range(_STEPS):
        length, used = session.call("XLEN", key), _used(session, key)
        if not length or used <= entry.max_bytes:
            break
        fitting = length * entry.max_bytes // used  # if all were of one size
        least = length - math.ceil(length / _STEP_SHARE)
        removed[What.ENTRIES] += session.call("XTRIM", key, "MAXLEN", max(fitting, least))
        _rest_remove(session, key, removed, is_over=True)


def _used(session: Session, key: str) -> int:
    return session.call("MEMORY", "USAGE", key, "SAMPLES", _WHOLE) or 0


def _groups_remove(session: Session, key: str) -> int:
    """Remove groups beside the one that the register names, as long as that one is there.

    A run that changes the group writes the register, makes the new one and removes the old one. Only what the register
    says while this is done tells them from others, so a change of the register undoes it all.
    """
    session.call("WATCH", REGISTER)
    try:
        entry = entry_read(session, Kind.STREAM, key)
        names = [group["name"] for group in session.described("GROUPS", key)]
        if entry is None or entry.group not in names:
            return 0
        foreign = [name for name in names if name != entry.group][:_AT_ONCE]
        if not foreign:
            return 0
        destroys = [("XGROUP", "DESTROY", key, name) for name in foreign]
        done = session.calls([("MULTI",), *destroys, ("EXEC",)])[-1]
        # The key is not watched, for every XADD would undo this; of one that went meanwhile there is nothing to count.
        return sum(answer for answer in done or [] if not isinstance(answer, Refusal))
    finally:
        session.call("UNWATCH")


def _rest_remove(session: Session, key: str, removed: Counter[What], *, is_over: bool, is_whole: bool = False) -> None:
    """Remove pending entries whose entry is gone, and consumers that hold nothing; count in ``removed``.

    Args:
        session: Where.
        key: The stream's.
        removed: Where it is counted.
        is_over: The stream takes too much memory: no such consumer stays, and the oldest pending entries are looked at,
            as far as their entries were trimmed.
        is_whole: Look at all that is pending. That is done anyhow where more is pending than there are entries.
    """
    length = session.call("XLEN", key)
    most = 0 if is_over else MOST_CONSUMERS
    for group in session.described("GROUPS", key):
        name, pending = group["name"], group["pending"]
        if pending > length or (pending and is_over):
            removed[What.PENDING] += _pending_remove(session, key, name, is_whole=is_whole or pending > length)
        if group["consumers"] > most:
            removed[What.CONSUMERS] += _consumers_remove(session, key, name, most=most)


def _pending_remove(session: Session, key: str, group: str, *, is_whole: bool) -> int:
    """Have the server drop what is pending without an entry, from the oldest on."""
    oldest = session.call("XPENDING", key, group, "-", "+", 1)
    if not oldest:
        return 0
    holder = oldest[0][1]  # nothing is taken over; but a consumer that is not there would be made
    removed, cursor = 0, "0-0"
    while True:
        cursor, _, gone = session.call("XAUTOCLAIM", key, group, holder, _NEVER_MS, cursor, "COUNT", _AT_ONCE, "JUSTID")
        removed += len(gone)
        if cursor == "0-0" or not (gone or is_whole):
            return removed


def _consumers_remove(session: Session, key: str, group: str, *, most: int) -> int:
    consumers = session.described("CONSUMERS", key, group)
    idle = sorted((it for it in consumers if not it["pending"]), key=lambda it: it["idle"], reverse=True)
    names = [it["name"] for it in idle[: len(consumers) - most]]
    removed = 0
    for begin in range(0, len(names), _AT_ONCE):
        removed += session.call("EVAL", _CONSUMERS_REMOVE, 1, key, group, *names[begin : begin + _AT_ONCE])
    return removed
