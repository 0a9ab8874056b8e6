"""``fleet_valkey_stream``: a stream with the one consumer group that reads it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tf.iface import CreateContext, DeleteContext, ImportContext, ReadContext, State, UpdateContext
from tf.schema import Attribute, Schema
from tf.types import Number, String

from fleet_provider.clients.valkey import Session
from fleet_provider.faults import Fault
from fleet_provider.resources.base import FleetResource, managed_by_faults, missing, stranger, whole_number_faults
from fleet_provider.resources.register import (
    KEY_REST,
    LEAST_BYTES,
    MOST_BYTES,
    Entry,
    Kind,
    entry_claim,
    entry_read,
    entry_remove,
    entry_write,
    max_bytes_faults,
    name_faults,
)

LONGEST_STREAM = 100_000_000
"""Entries; a bound against slips, not one of Valkey's."""

GROUP = re.compile(r"[a-z][a-z0-9_-]{0,61}[a-z0-9]|[a-z]")

_LAST_SEQUENCE = 2**64 - 1
_BEGINNING = "0"


class ValkeyStream(FleetResource):
    """A stream, its consumer group, and the limits that the platform keeps it within.

    **Whose it is.** The register's entry is written before the stream is made. ``create`` adopts what stands there
    when its entry names the same ``managed_by``, entries of the stream and group included; a key that the register
    does not know it refuses. Once in the state, a stream whose entry names somebody else reads as "gone".

    **A new group** goes on where the old one stopped: at its oldest unacknowledged entry. Nothing is lost, some
    entries may come twice. The old group is removed. A group that somebody removed by hand is made anew at the
    stream's beginning, for nobody knows what it had read.

    **Limits** and the group's name stand in the register. ``fleet_provider.limits`` keeps the limits and removes other
    groups; this resource deletes no entry.

    **Delete** removes the stream with all entries.
    """

    @classmethod
    def get_name(cls) -> str:
        """Name of the type, without the provider's prefix."""
        return "valkey_stream"

    @classmethod
    def get_schema(cls) -> Schema:
        """Attributes with unit and range."""
        return Schema(
            version=0,
            description="A Valkey stream with a consumer group.",
            attributes=[
                cls.ID,
                Attribute(
                    "key",
                    String(),
                    required=True,
                    requires_replace=True,
                    description="Key of the stream: the name of the user that it is for, a colon, and up to 128 "
                    "letters, digits and _ . -; a new key makes a new, empty stream.",
                ),
                Attribute("managed_by", String(), required=True, description="Whom it is for, the same in every run."),
                Attribute(
                    "group",
                    String(),
                    required=True,
                    description="Name of the consumer group; a new name takes over where the old group stopped.",
                ),
                Attribute(
                    "max_length",
                    Number(),
                    required=True,
                    description=f"Most entries, 1 to {LONGEST_STREAM}; beyond it the oldest are removed, read or not.",
                ),
                Attribute(
                    "max_bytes",
                    Number(),
                    required=True,
                    description=f"Most memory in bytes, {LEAST_BYTES} to {MOST_BYTES}; beyond it the oldest entries "
                    "are removed.",
                ),
            ],
        )

    def faults(self, known: Mapping[str, Any]) -> list[Fault]:
        """Judge key, group and limits."""
        found = []
        if "key" in known:
            found += _key_faults(known["key"])
        if "managed_by" in known:
            found += managed_by_faults(known["managed_by"])
        if "group" in known and not GROUP.fullmatch(str(known["group"])):
            found.append(
                Fault(
                    "group is not a usable name",
                    detail=f"Found {known['group']!r}.",
                    remedy="Allowed: up to 63 lower-case letters, digits, hyphens and underscores, beginning with a "
                    "letter and ending with a letter or digit.",
                    attribute="group",
                )
            )
        if "max_length" in known:
            found += whole_number_faults(
                "max_length", known["max_length"], lowest=1, highest=LONGEST_STREAM, meaning="entries"
            )
        if "max_bytes" in known:
            found += max_bytes_faults(known["max_bytes"])
        return found

    def create(self, ctx: CreateContext, planned: State) -> State:
        """Make stream and group, or adopt them where a lost run of ours made them.

        Raises:
            Fault: The key is somebody else's, holds something else, or the server refuses.
        """
        key = planned["key"]

        def work(session: Session) -> None:
            if entry_read(session, Kind.STREAM, key) is None and session.call("EXISTS", key):
                raise stranger("Stream", key, why="The register does not know what stands there.")
            entry_claim(session, Kind.STREAM, key, _entry(planned))
            _settle(session, planned, old_group="")

        self.fleet.valkey.run(f'Creating stream "{key}"', work)
        return {**planned, "id": key}

    def read(self, ctx: ReadContext, current: State) -> State | None:
        """Report stream and limits as they are now; None when nothing is left, or it is another's."""
        key = current["key"]
        found = self.fleet.valkey.run(f'Reading stream "{key}"', lambda session: _found(session, key))
        if found.entry is None and not found.exists:
            return None
        if found.entry is not None and current["managed_by"] not in {found.entry.managed_by, ""}:
            return None
        return _state(key, found, group=current["group"])

    def update(self, ctx: UpdateContext, current: State, planned: State) -> State:
        """Set group and limits in place; no entry is removed here.

        Raises:
            Fault: The key holds something else, or the server refuses.
        """
        key = planned["key"]

        def work(session: Session) -> None:
            entry_write(session, Kind.STREAM, key, _entry(planned))
            _settle(session, planned, old_group=current["group"])

        self.fleet.valkey.run(f'Updating stream "{key}"', work)
        return {**planned, "id": key}

    def delete(self, ctx: DeleteContext, current: State) -> None:
        """Remove the stream with all entries; one that is gone already, or another's by now, is a success."""
        key = current["key"]

        def work(session: Session) -> None:
            entry = entry_read(session, Kind.STREAM, key)
            if entry is None or entry.managed_by == current["managed_by"]:
                session.call("UNLINK", key)
                entry_remove(session, Kind.STREAM, key)

        self.fleet.valkey.run(f'Deleting stream "{key}"', work)

    def import_(self, ctx: ImportContext, id: str) -> State:  # noqa: A002 - tf's signature
        """Take a stream over by ``key/group``.

        Raises:
            Fault: There is no such stream.
        """
        key, _, group = id.partition("/")
        found = self.fleet.valkey.run(f'Importing stream "{key}"', lambda session: _found(session, key))
        if not found.exists:
            raise missing("stream", key)
        return _state(key, found, group=group)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What the server has under a key."""

    entry: Entry | None
    exists: bool
    groups: Mapping[str, str]


def _key_faults(value: object) -> list[Fault]:
    name, colon, rest = str(value).partition(":")
    if not name_faults("key", name) and colon and KEY_REST.fullmatch(rest):
        return []
    return [
        Fault(
            "key is not a usable key",
            detail=f"Found {value!r}.",
            remedy="Allowed: a user's name, a colon, and 1 to 128 letters, digits and _ . -.",
            attribute="key",
        )
    ]


def _entry(planned: State) -> Entry:
    return Entry(
        managed_by=planned["managed_by"],
        max_length=int(planned["max_length"]),
        max_bytes=int(planned["max_bytes"]),
        group=planned["group"],
    )


def _found(session: Session, key: str) -> _Found:
    kind = session.call("TYPE", key)
    return _Found(
        entry=entry_read(session, Kind.STREAM, key),
        exists=kind != "none",
        groups=_groups(session, key) if kind == "stream" else {},
    )


def _groups(session: Session, key: str) -> dict[str, str]:
    """Return the id of the entry that was delivered last, by group."""
    return {said["name"]: said["last-delivered-id"] for said in session.described("GROUPS", key)}


def _settle(session: Session, planned: State, *, old_group: str) -> None:
    """See that the stream has its group, which takes over from the old one; an empty name: there is none."""
    key, group = planned["key"], planned["group"]
    groups = _groups(session, key) if session.call("EXISTS", key) else {}
    if group not in groups:
        start = _unfinished(session, key, old_group, delivered=groups[old_group]) if old_group in groups else _BEGINNING
        session.call("XGROUP", "CREATE", key, group, start, "MKSTREAM")
    if old_group != group and old_group in groups:
        session.call("XGROUP", "DESTROY", key, old_group)


def _unfinished(session: Session, key: str, group: str, *, delivered: str) -> str:
    """Return the id after which everything is still to be done for a group."""
    _, oldest, *_ = session.call("XPENDING", key, group)
    if oldest is None:
        return delivered
    milliseconds, sequence = map(int, oldest.split("-"))
    return f"{milliseconds}-{sequence - 1}" if sequence else f"{milliseconds - 1}-{_LAST_SEQUENCE}"


def _state(key: str, found: _Found, *, group: str) -> State:
    entry = found.entry or Entry(managed_by="")
    return {
        "id": key,
        "key": key,
        "managed_by": entry.managed_by,
        "group": group if group in found.groups else "",
        "max_length": entry.max_length,
        "max_bytes": entry.max_bytes,
    }
