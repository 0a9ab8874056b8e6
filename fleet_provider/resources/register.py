"""The register of a Valkey: whose each object is, and within which limits.

Valkey has no comments. So one hash beside the customers' keys, which no customer's user can reach, has an entry for
each user, stream and keyspace: who manages it (``managed_by``, such as a resource's id, the same in every run), and
the limits that are kept by ``fleet_provider.limits``. An entry is written before its object, so an object that was
made but missed Terraform's state, because Terraform was killed, is known again.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

from fleet_provider.clients.valkey import Session
from fleet_provider.faults import Fault
from fleet_provider.resources.base import stranger, whole_number_faults

REGISTER = "slipway:register"
"""The hash's key. ``slipway`` cannot be a user's name, so no key pattern of a customer begins like it."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
RESERVED_NAMES = frozenset({"default", "slipway"})
LEAST_BYTES, MOST_BYTES = 2**20, 2**40
"""Limits of memory that make sense: a mebibyte to a tebibyte."""

KEY_REST = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class Kind(StrEnum):
    """What an entry is about; the word begins its field in the hash."""

    USER = "user"
    STREAM = "stream"
    KEYSPACE = "keyspace"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the register says of one object."""

    managed_by: str
    """Whom the object is for."""

    max_length: int = 0
    """Most entries of a stream; 0 for other kinds."""

    max_bytes: int = 0
    """Most memory of a stream or of all keys of a keyspace, in bytes; 0 for users."""

    group: str = ""
    """The one consumer group of a stream; empty for other kinds, and where an earlier release wrote the entry."""


def entry_read(session: Session, kind: Kind, name: str) -> Entry | None:
    """Return what the register says of an object; None where it has no entry that can be read."""
    return _parsed(session.call("HGET", REGISTER, f"{kind}/{name}"))


def entry_claim(session: Session, kind: Kind, name: str, entry: Entry) -> bool:
    """Write the entry of an object that is about to be made, unless there is one.

    Returns:
        Whether there was none: the object, if it stands there all the same, may be anybody's.

    Raises:
        Fault: The object is another's.
    """
    if session.call("HSETNX", REGISTER, f"{kind}/{name}", _text(entry)):
        return True
    found = entry_read(session, kind, name)
    if found is None or found.managed_by != entry.managed_by:
        owner = found.managed_by if found else "nobody that can be read"
        raise stranger(kind.capitalize(), name, why=f"The register names {owner}, not {entry.managed_by}.")
    entry_write(session, kind, name, entry)
    return False


def entry_write(session: Session, kind: Kind, name: str, entry: Entry) -> None:
    """Write the entry of an object that is ours."""
    session.call("HSET", REGISTER, f"{kind}/{name}", _text(entry))


def entry_remove(session: Session, kind: Kind, name: str) -> None:
    """Remove an entry, after its object; one that is gone already is a success."""
    session.call("HDEL", REGISTER, f"{kind}/{name}")


def entries_read(session: Session, kind: Kind) -> Iterator[tuple[str, Entry]]:
    """Give name and entry of every object of a kind."""
    words = session.call("HGETALL", REGISTER)
    for field, text in zip(words[::2], words[1::2], strict=True):
        found, _, name = field.partition("/")
        entry = _parsed(text)
        if found == kind and entry is not None:
            yield name, entry


def name_faults(attribute: str, value: object) -> list[Fault]:
    """Judge the name of a user, which is also what all its keys begin with."""
    if isinstance(value, str) and NAME.fullmatch(value) and value not in RESERVED_NAMES:
        return []
    return [
        Fault(
            f"{attribute} is not a usable name",
            detail=f"Found {value!r}.",
            remedy="Allowed: a lower-case letter, then up to 62 lower-case letters, digits or underscores; "
            f"none of {', '.join(sorted(RESERVED_NAMES))}.",
            attribute=attribute,
        )
    ]


def max_bytes_faults(value: object) -> list[Fault]:
    """Judge a limit of memory."""
    return whole_number_faults("max_bytes", value, lowest=LEAST_BYTES, highest=MOST_BYTES, meaning="bytes")


def _text(entry: Entry) -> str:
    return json.dumps(asdict(entry), separators=(",", ":"))


def _parsed(text: str | None) -> Entry | None:
    """Read an entry; one that somebody spoiled by hand counts as none."""
    try:
        return Entry(**json.loads(text)) if text else None
    except (ValueError, TypeError):
        return None
