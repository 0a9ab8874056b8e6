"""``fleet_valkey_keyspace``: all keys that begin with one user's name, with a limit of their memory."""

from collections.abc import Mapping
from typing import Any

from tf.iface import CreateContext, DeleteContext, ImportContext, ReadContext, State, UpdateContext
from tf.schema import Attribute, Schema
from tf.types import Number, String

from fleet_provider.clients.valkey import Session
from fleet_provider.faults import Fault
from fleet_provider.resources.base import FleetResource, managed_by_faults, missing, stranger
from fleet_provider.resources.register import (
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


class ValkeyKeyspace(FleetResource):
    """The keys of one user, taken together: nothing stands on the server but the register's entry and the keys.

    **Whose it is.** ``create`` adopts a keyspace whose entry names the same ``managed_by``, keys included. Without an
    entry no key may begin with the prefix: such keys are somebody else's. Once in the state, a keyspace whose entry
    names somebody else reads as "gone".

    **The limit** stands in the register and is kept by ``fleet_provider.limits``; this resource removes no key.

    **Delete** removes every key that begins with the prefix, some at a time, so that the server answers others
    meanwhile. Whoever writes them must be gone before.
    """

    @classmethod
    def get_name(cls) -> str:
        """Name of the type, without the provider's prefix."""
        return "valkey_keyspace"

    @classmethod
    def get_schema(cls) -> Schema:
        """Attributes with unit and range."""
        return Schema(
            version=0,
            description="All keys of a Valkey that begin with one prefix.",
            attributes=[
                cls.ID,
                Attribute(
                    "prefix",
                    String(),
                    required=True,
                    requires_replace=True,
                    description="What the keys begin with: the name of the user that they are for, and a colon.",
                ),
                Attribute("managed_by", String(), required=True, description="Whom it is for, the same in every run."),
                Attribute(
                    "max_bytes",
                    Number(),
                    required=True,
                    description=f"Most memory of all keys in bytes, {LEAST_BYTES} to {MOST_BYTES}; beyond it keys are "
                    "removed.",
                ),
            ],
        )

    def faults(self, known: Mapping[str, Any]) -> list[Fault]:
        """Judge prefix, mark and limit."""
        found = []
        if "prefix" in known:
            found += _prefix_faults(known["prefix"])
        if "managed_by" in known:
            found += managed_by_faults(known["managed_by"])
        if "max_bytes" in known:
            found += max_bytes_faults(known["max_bytes"])
        return found

    def create(self, ctx: CreateContext, planned: State) -> State:
        """Reserve the prefix, or adopt what a lost run of ours reserved.

        Raises:
            Fault: The prefix is another's, or keys begin with it.
        """
        prefix = planned["prefix"]

        def work(session: Session) -> None:
            if entry_read(session, Kind.KEYSPACE, prefix) is None and _has_keys(session, prefix):
                raise stranger("Keyspace", prefix, why="There are keys that the register does not know.")
            entry_claim(session, Kind.KEYSPACE, prefix, _entry(planned))

        self.fleet.valkey.run(f'Creating keyspace "{prefix}"', work)
        return {**planned, "id": prefix}

    def read(self, ctx: ReadContext, current: State) -> State | None:
        """Report owner and limit as they are now; None when neither entry nor key is left, or it is another's."""
        prefix = current["prefix"]

        def work(session: Session) -> State | None:
            entry = entry_read(session, Kind.KEYSPACE, prefix)
            if entry is None:
                return _state(prefix, None) if _has_keys(session, prefix) else None
            return _state(prefix, entry) if current["managed_by"] in {entry.managed_by, ""} else None

        return self.fleet.valkey.run(f'Reading keyspace "{prefix}"', work)

    def update(self, ctx: UpdateContext, current: State, planned: State) -> State:
        """Set owner and limit in place; no key is removed here."""
        prefix = planned["prefix"]
        self.fleet.valkey.run(
            f'Updating keyspace "{prefix}"',
            lambda session: entry_write(session, Kind.KEYSPACE, prefix, _entry(planned)),
        )
        return {**planned, "id": prefix}

    def delete(self, ctx: DeleteContext, current: State) -> None:
        """Remove all keys, then the entry; what is gone already, or another's by now, is a success."""
        prefix = current["prefix"]

        def work(session: Session) -> None:
            entry = entry_read(session, Kind.KEYSPACE, prefix)
            if entry is None or entry.managed_by == current["managed_by"]:
                for keys in session.scan(f"{prefix}*"):
                    if keys:
                        session.call("UNLINK", *keys)
                entry_remove(session, Kind.KEYSPACE, prefix)

        self.fleet.valkey.run(f'Deleting keyspace "{prefix}"', work)

    def import_(self, ctx: ImportContext, id: str) -> State:  # noqa: A002 - tf's signature
        """Take a keyspace over by its prefix.

        Raises:
            Fault: There is neither an entry nor a key, or the prefix is none of a user.
        """

        def work(session: Session) -> State:
            entry = entry_read(session, Kind.KEYSPACE, id)
            if _prefix_faults(id) or (entry is None and not _has_keys(session, id)):
                raise missing("keyspace", id)
            return _state(id, entry)

        return self.fleet.valkey.run(f'Importing keyspace "{id}"', work)


def _prefix_faults(value: object) -> list[Fault]:
    text = str(value)
    if text.endswith(":") and not name_faults("prefix", text.removesuffix(":")):
        return []
    return [
        Fault(
            "prefix is not a usable prefix",
            detail=f"Found {value!r}.",
            remedy="Allowed: a user's name and a colon.",
            attribute="prefix",
        )
    ]


def _entry(planned: State) -> Entry:
    return Entry(managed_by=planned["managed_by"], max_bytes=int(planned["max_bytes"]))


def _has_keys(session: Session, prefix: str) -> bool:
    return any(session.scan(f"{prefix}*"))


def _state(prefix: str, entry: Entry | None) -> State:
    entry = entry or Entry(managed_by="")
    return {"id": prefix, "prefix": prefix, "managed_by": entry.managed_by, "max_bytes": entry.max_bytes}
