"""``fleet_valkey_user``: a user that logs in with a password which only its digest represents here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tf.iface import CreateContext, DeleteContext, ImportContext, ReadContext, State, UpdateContext
from tf.schema import Attribute, Schema
from tf.types import Bool, List, Number, Set, String

from fleet_provider.clients.valkey import Session
from fleet_provider.faults import Fault
from fleet_provider.resources.base import FleetResource, managed_by_faults, missing, stranger
from fleet_provider.resources.register import (
    Entry,
    Kind,
    entry_claim,
    entry_read,
    entry_remove,
    entry_write,
    name_faults,
)
from fleet_provider.resources.valkey_rules import command_faults, pattern_faults, rules_make, rules_read

DIGEST = re.compile(r"[0-9a-f]{64}")
"""SHA-256 of a password in hex, as Valkey stores it."""

_USUAL_FLAGS = frozenset({"on", "off", "sanitize-payload"})


class ValkeyUser(FleetResource):
    """A user that reaches the keys that begin with its own name, and no others.

    **Whose it is.** The register's entry is written before the user is made. ``create`` adopts a user of the same
    name when its entry names the same ``managed_by``, or when it has no entry and its one password is the configured
    one (random with 128 bits and more, so nobody else has it by chance); any other user it refuses. Once in the state,
    a user that is neither reads as "gone", and is then refused.

    **What it may do.** Nothing at first, then ``commands`` in their order, then without exception neither ``@admin``
    nor ``@dangerous``. The server must read the rules back as they were given, so that a change by hand is seen.

    **Drift.** A different password, or a second one, reads as an empty ``password_sha256``, never as the foreign
    digest. A user that was deleted while its entry stands reads the same way, and the next apply makes it anew.

    Each change is followed by ACL SAVE; a server without an ``aclfile`` is refused.
    """

    @classmethod
    def get_name(cls) -> str:
        """Name of the type, without the provider's prefix."""
        return "valkey_user"

    @classmethod
    def get_schema(cls) -> Schema:
        """Attributes with their allowed values."""
        return Schema(
            version=0,
            description="A Valkey user (ACL).",
            attributes=[
                cls.ID,
                Attribute(
                    "name",
                    String(),
                    required=True,
                    requires_replace=True,
                    description="Name of the user, unique on the server, and what its keys begin with. A new name "
                    "makes a new user.",
                ),
                Attribute(
                    "managed_by",
                    String(),
                    required=True,
                    description="Whom the user is for, the same in every run.",
                ),
                Attribute(
                    "password_sha256",
                    String(),
                    required=True,
                    sensitive=True,
                    description="SHA-256 of the password, 64 hex digits; never the password. The digest is not salted, "
                    "so the password must be random.",
                ),
                Attribute(
                    "key_patterns",
                    Set(String()),
                    required=True,
                    description="Keys that it may read and write: each NAME:something, the last character may be *.",
                ),
                Attribute(
                    "channel_patterns",
                    Set(String()),
                    optional=True,
                    computed=True,
                    default=[],
                    description="Channels of publish and subscribe, of the same form; none by default.",
                ),
                Attribute(
                    "commands",
                    List(String()),
                    required=True,
                    description="Rules in their order, such as +@stream, +ping, -xsetid, +client|setinfo; @admin and "
                    "@dangerous are always taken away at the end.",
                ),
                Attribute("login", Bool(), optional=True, computed=True, default=True, description="May it log in?"),
                Attribute(
                    "extra_attributes",
                    List(String()),
                    computed=True,
                    default=[],
                    description="What somebody gave it by hand beside that, such as nopass; the next apply takes it "
                    "away.",
                ),
                Attribute("host", String(), computed=True, description="Host that the user connects to."),
                Attribute("port", Number(), computed=True, description="TCP port that the user connects to."),
            ],
        )

    def faults(self, known: Mapping[str, Any]) -> list[Fault]:
        """Judge name, mark, digest, patterns and rules."""
        found = []
        if "name" in known:
            found += name_faults("name", known["name"])
        if "managed_by" in known:
            found += managed_by_faults(known["managed_by"])
        if "password_sha256" in known and not DIGEST.fullmatch(str(known["password_sha256"])):
            found.append(
                Fault(
                    "password_sha256 is not a SHA-256 digest",
                    detail="The value is not shown.",
                    remedy="Give the SHA-256 of the password as 64 lower-case hex digits.",
                    attribute="password_sha256",
                )
            )
        for attribute in ("key_patterns", "channel_patterns"):
            found += pattern_faults(attribute, known.get(attribute, []), name=known.get("name"))
        if "commands" in known:
            found += command_faults(known["commands"])
        return found

    def create(self, ctx: CreateContext, planned: State) -> State:
        """Make the user, or adopt it where a lost run of ours made it.

        Raises:
            Fault: A user of that name is not ours, or the server refuses.
        """
        name, digest = planned["name"], planned["password_sha256"]

        def work(session: Session) -> _User:
            user = _user(session, name)
            if user is not None and user.passwords != (digest,) and entry_read(session, Kind.USER, name) is None:
                raise stranger("User", name, why="The register does not know it, and its password is another.")
            entry_claim(session, Kind.USER, name, Entry(managed_by=planned["managed_by"]))
            return _settled(session, name, planned)

        user = self.fleet.valkey.run(f'Creating user "{name}"', work)
        return self._state(name, planned["managed_by"], user, digest=digest)

    def read(self, ctx: ReadContext, current: State) -> State | None:
        """Report the user as it is now; None when it is gone, or another's."""
        name, digest = current["name"], current["password_sha256"]
        entry, user = self.fleet.valkey.run(
            f'Reading user "{name}"', lambda session: (entry_read(session, Kind.USER, name), _user(session, name))
        )
        if entry is None:
            is_ours = user is not None and user.passwords == (digest,)
        else:
            # An empty one was read before: the entry was lost then, and stands again.
            is_ours = current["managed_by"] in {entry.managed_by, ""}
        if not is_ours:
            return None
        return self._state(name, entry.managed_by if entry else "", user, digest=digest)

    def update(self, ctx: UpdateContext, current: State, planned: State) -> State:
        """Set every attribute in place; sessions that are open stay open.

        Raises:
            Fault: The server refuses.
        """
        name = planned["name"]

        def work(session: Session) -> _User:
            entry_write(session, Kind.USER, name, Entry(managed_by=planned["managed_by"]))
            return _settled(session, name, planned)

        user = self.fleet.valkey.run(f'Updating user "{name}"', work)
        return self._state(name, planned["managed_by"], user, digest=planned["password_sha256"])

    def delete(self, ctx: DeleteContext, current: State) -> None:
        """Delete the user, which ends its sessions; one that is gone already, or another's by now, is a success."""
        name = current["name"]

        def work(session: Session) -> None:
            entry = entry_read(session, Kind.USER, name)
            if entry is None or entry.managed_by == current["managed_by"]:
                session.call("ACL", "DELUSER", name)
                session.call("ACL", "SAVE")
                entry_remove(session, Kind.USER, name)

        self.fleet.valkey.run(f'Deleting user "{name}"', work)

    def import_(self, ctx: ImportContext, id: str) -> State:  # noqa: A002 - tf's signature
        """Take a user over by its name.

        Raises:
            Fault: There is no such user, its name is none of ours, or it may do everything.
        """
        entry, user = self.fleet.valkey.run(
            f'Importing user "{id}"', lambda session: (entry_read(session, Kind.USER, id), _user(session, id))
        )
        if user is None:
            raise missing("user", id)
        if name_faults("name", id) or "+@all" in user.commands:
            raise Fault(
                f'User "{id}" is not a customer\'s',
                detail="It is reserved, or may do everything on the server.",
                remedy="Name another user.",
            )
        digest = user.passwords[0] if len(user.passwords) == 1 else ""
        return self._state(id, entry.managed_by if entry else "", user, digest=digest)

    def _state(self, name: str, managed_by: str, user: "_User | None", *, digest: str) -> State:
        """Say what is there; a user that is missing has nothing."""
        credentials = self.fleet.valkey.credentials
        user = user or _NO_USER
        return {
            "id": name,
            "name": name,
            "managed_by": managed_by,
            "password_sha256": digest if user.passwords == (digest,) else "",
            "key_patterns": list(user.key_patterns),
            "channel_patterns": list(user.channel_patterns),
            "commands": list(user.commands),
            "login": user.login,
            "extra_attributes": list(user.extra_attributes),
            "host": credentials.public_host,
            "port": credentials.public_port,
        }


@dataclass(frozen=True, kw_only=True)
class _User:
    """A user as the server has it."""

    passwords: tuple[str, ...]
    key_patterns: tuple[str, ...]
    channel_patterns: tuple[str, ...]
    commands: tuple[str, ...]
    login: bool
    extra_attributes: tuple[str, ...]


_NO_USER = _User(passwords=(), key_patterns=(), channel_patterns=(), commands=(), login=False, extra_attributes=())


def _user(session: Session, name: str) -> _User | None:
    words = session.call("ACL", "GETUSER", name)
    if words is None:
        return None
    said = dict(zip(words[::2], words[1::2], strict=True))
    extra = sorted(set(said["flags"]) - _USUAL_FLAGS)
    extra += ["selectors"] if said.get("selectors") else []
    extra += [said["databases"]] if said.get("databases", "alldbs") != "alldbs" else []  # since Valkey 9.1
    return _User(
        passwords=tuple(said["passwords"]),
        key_patterns=tuple(sorted(pattern.removeprefix("~") for pattern in said["keys"].split())),
        channel_patterns=tuple(sorted(pattern.removeprefix("&") for pattern in said["channels"].split())),
        commands=rules_read(said["commands"]),
        login="on" in said["flags"],
        extra_attributes=tuple(extra),
    )


def _settled(session: Session, name: str, planned: State) -> _User:
    """Set everything that is managed by one command, see that the server took it so, and have it written down."""
    wanted = tuple(planned["commands"])
    session.call(
        *("ACL", "SETUSER", name, "reset", "on" if planned["login"] else "off", f"#{planned['password_sha256']}"),
        *(f"~{pattern}" for pattern in planned["key_patterns"]),
        *(f"&{pattern}" for pattern in planned["channel_patterns"]),
        *rules_make(wanted),
    )
    user = _user(session, name)
    if user is None:
        raise missing("user", name)
    session.call("ACL", "SAVE")
    if user.commands != wanted:
        raise Fault(
            f'The rules of user "{name}" read otherwise on the server',
            detail=f"Given {' '.join(wanted)}; the server says {' '.join(user.commands)}.",
            remedy="Write them as the server does, each once and none that another one covers.",
            attribute="commands",
        )
    return user
