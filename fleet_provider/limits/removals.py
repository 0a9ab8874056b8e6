"""What a pass removed."""

from dataclasses import dataclass
from enum import StrEnum

LARGEST_COLLECTION = 100_000
"""Elements of one key of a keyspace. To measure so many holds up the server for 5 to 21 ms (Valkey 9.1 on a busy
machine); a million took up to 1.7 seconds."""


class What(StrEnum):
    """What is removed; the word stands in the log."""

    ENTRIES = "entries"
    PENDING = "pending entries whose entry is gone"
    CONSUMERS = "idle consumers"
    GROUPS = "groups beside its own"
    KEYS = "keys"
    LARGE = f"keys of more than {LARGEST_COLLECTION} elements"


@dataclass(frozen=True, kw_only=True)
class Removal:
    """So many of one thing, from one stream or keyspace."""

    what: What
    """What was removed."""

    of: str
    """Key of the stream, or prefix of the keyspace."""

    count: int
    """How many, at least one."""
