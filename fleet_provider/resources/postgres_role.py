"""``fleet_postgres_role``: a role that logs in with a password which only its verifier represents here."""

import re
from collections.abc import Mapping
from typing import Any

from tf.iface import CreateContext, DeleteContext, ImportContext, ReadContext, State, UpdateContext
from tf.schema import Attribute, Schema
from tf.types import Bool, List, Number, String

from fleet_provider.clients.postgres import Keywords, Name, Row, Session
from fleet_provider.clients.scram import VERIFIER, scram_verifier_is_set
from fleet_provider.faults import Fault
from fleet_provider.resources.base import (
    FleetResource,
    managed_by_faults,
    missing,
    name_faults,
    stranger,
    whole_number_faults,
)
from fleet_provider.resources.mark import mark_make, mark_read

MOST_CONNECTIONS = 262_143
"""PostgreSQL's own bound of max_connections (MAX_BACKENDS)."""

LONGEST_TIMEOUT_SECONDS = 2_147_483
"""statement_timeout is a 32 bit number of milliseconds."""

# Somebody without our lock made it a moment ago (42710), or is about to (23505): looking again tells whose it
# is.
_DUPLICATE = frozenset({"42710", "23505"})
_EXTRA_ATTRIBUTES = {
    "SUPERUSER": "rolsuper",
    "CREATEDB": "rolcreatedb",
    "CREATEROLE": "rolcreaterole",
    "REPLICATION": "rolreplication",
    "BYPASSRLS": "rolbypassrls",
}
_SETTING_SECONDS = {"us": 0.000001, "ms": 0.001, "": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}


class PostgresRole(FleetResource):
    """A login role without any power beyond its own objects.

    **Whose it is.** Role and mark are made in one transaction. ``create`` adopts a role of the same name when
    its mark names the same ``managed_by``, and sets every attribute anew; any other role it refuses. Once in
    the state a role is known by its ``oid``: a namesake made later by somebody else reads as "gone", and is
    then refused.

    **Password drift.** An admin that may read ``pg_authid`` (a superuser) compares the stored verifier
    exactly. Any other admin compares the salt that an unfinished login shows (``clients.scram`` tells what
    that cannot see). A different password reads as an empty ``password_verifier``, never as the foreign
    secret, and the next apply sets the configured one. Where the server shows no salt the password counts as
    unchanged.

    **Import** with an admin that is no superuser leaves ``password_verifier`` empty: the next apply sets it.
    """

    @classmethod
    def get_name(cls) -> str:
        """Name of the type, without the provider's prefix."""
        return "postgres_role"

    @classmethod
    def get_schema(cls) -> Schema:
        """Attributes with unit and range."""
        return Schema(
            version=0,
            description="A PostgreSQL login role.",
            attributes=[
                cls.ID,
                Attribute(
                    "name",
                    String(),
                    required=True,
                    requires_replace=True,
                    description="Name of the role, unique on the server. A new name makes a new role.",
                ),
                Attribute(
                    "managed_by",
                    String(),
                    required=True,
                    description="Whom the role is for, the same in every run; written into its comment, read "
                    "by everybody.",
                ),
                Attribute(
                    "password_verifier",
                    String(),
                    required=True,
                    sensitive=True,
                    description="SCRAM-SHA-256 secret of the password, as PostgreSQL stores it; never the password.",
                ),
                Attribute(
                    "connection_limit",
                    Number(),
                    optional=True,
                    computed=True,
                    default=-1,
                    description=f"Most connections at once, 0 to {MOST_CONNECTIONS}; -1 for no limit.",
                ),
                Attribute(
                    "statement_timeout_seconds",
                    Number(),
                    optional=True,
                    computed=True,
                    default=0,
                    description="Seconds after which a statement is canceled unless the session sets its own "
                    f"time, 0 to {LONGEST_TIMEOUT_SECONDS}; 0 for never.",
                ),
                Attribute("login", Bool(), optional=True, computed=True, default=True, description="May it log in?"),
                Attribute(
                    "extra_attributes",
                    List(String()),
                    computed=True,
                    default=[],
                    description="Powers that somebody gave it by hand, such as CREATEDB; the next apply "
                    "takes them away.",
                ),
                Attribute("oid", Number(), computed=True, description="PostgreSQL's number of the role."),
            ],
        )

    def faults(self, known: Mapping[str, Any]) -> list[Fault]:
        """Judge names, verifier and ranges."""
        found = []
        if "name" in known:
            found += name_faults("name", known["name"])
        if "managed_by" in known:
            found += managed_by_faults(known["managed_by"])
        if "password_verifier" in known and not VERIFIER.fullmatch(str(known["password_verifier"])):
            found.append(
                Fault(
                    "password_verifier is not a SCRAM-SHA-256 verifier",
                    detail="The value is not shown. PostgreSQL would take it for a password in clear text.",
                    remedy="Give SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, with a salt of "
                    "16 bytes or more.",
                    attribute="password_verifier",
                )
            )
        if "connection_limit" in known:
            found += whole_number_faults(
                "connection_limit",
                known["connection_limit"],
                lowest=-1,
                highest=MOST_CONNECTIONS,
                meaning="connections at once, -1 for no limit",
            )
        if "statement_timeout_seconds" in known:
            found += whole_number_faults(
                "statement_timeout_seconds",
                known["statement_timeout_seconds"],
                lowest=0,
                highest=LONGEST_TIMEOUT_SECONDS,
                meaning="seconds, 0 for never",
            )
        return found

    def create(self, ctx: CreateContext, planned: State) -> State:
        """Make the role, or adopt it where a lost run of ours made it.

        Raises:
            Fault: A role of that name is not ours, or the server refuses.
        """
        name = Name(planned["name"])

        def work(session: Session) -> Row:
            with session.transaction():
                session.lock("role", name)
                row = _role(session, name)
                if row is None:
                    session.execute("CREATE ROLE {role} LOGIN", role=name)
                    if session.needs_membership:
                        session.execute("GRANT {role} TO CURRENT_USER", role=name)
                elif row["managed_by"] != planned["managed_by"]:
                    raise stranger(
                        "Role",
                        name,
                        why=f"Its comment names {row['managed_by'] or 'nobody'}, not {planned['managed_by']}.",
                    )
                _settle(session, name, planned, extra=row["extra_attributes"] if row else [])
                return _present(_role(session, name), name)

        row = self.fleet.postgres.run(f'Creating role "{name}"', work, passing=_DUPLICATE)
        return _state(row, password_verifier=planned["password_verifier"])

    def read(self, ctx: ReadContext, current: State) -> State | None:
        """Report the role as it is now; None when it is gone."""
        name = Name(current["name"])
        purpose = f'Reading role "{name}"'
        row = self.fleet.postgres.run(purpose, lambda session: _role(session, name, oid=current["oid"]))
        if row is None:
            return None
        verifier = current["password_verifier"]
        if verifier and not self._is_set(purpose, name, verifier):
            verifier = ""
        return _state(row, password_verifier=verifier)

    def update(self, ctx: UpdateContext, current: State, planned: State) -> State:
        """Set every attribute in place.

        Raises:
            Fault: The role is gone, or the server refuses.
        """
        name = Name(planned["name"])

        def work(session: Session) -> Row:
            with session.transaction():
                session.lock("role", name)
                row = _present(_role(session, name, oid=current["oid"]), name)
                _settle(session, name, planned, extra=row["extra_attributes"])
                return _present(_role(session, name), name)

        row = self.fleet.postgres.run(f'Updating role "{name}"', work)
        return _state(row, password_verifier=planned["password_verifier"])

    def delete(self, ctx: DeleteContext, current: State) -> None:
        """Drop the role; one that is gone already is a success.

        Raises:
            Fault: The role still owns objects; the text lists them.
        """
        name = Name(current["name"])

        def work(session: Session) -> None:
            with session.transaction():
                session.lock("role", name)
                if _role(session, name, oid=current["oid"]):
                    session.execute("DROP ROLE {role}", role=name)

        self.fleet.postgres.run(f'Deleting role "{name}"', work)

    def import_(self, ctx: ImportContext, id: str) -> State:  # noqa: A002 - tf's signature
        """Take a role over by its name.

        Raises:
            Fault: There is no such role, or it is a superuser's.
        """
        name = Name(id)

        def work(session: Session) -> Row:
            return _present(_role(session, name), name)

        row = self.fleet.postgres.run(f'Importing role "{name}"', work)
        if "SUPERUSER" in row["extra_attributes"]:
            raise Fault(
                f'Role "{name}" is a superuser',
                detail="A superuser is never managed as a customer's role.",
                remedy="Name another role, or take SUPERUSER from it first.",
            )
        verifier = self.fleet.postgres.run(f'Importing role "{name}"', lambda session: _stored(session, name))
        return _state(row, password_verifier=verifier or "")

    def _is_set(self, purpose: str, name: Name, verifier: str) -> bool:
        """Whether the password is still ours, by the best proof that the admin has."""
        stored = self.fleet.postgres.run(purpose, lambda session: _stored(session, name))
        if stored is not None:
            return stored == verifier
        shown = scram_verifier_is_set(self.fleet.postgres.credentials, role=name, verifier=verifier)
        return shown is not False


def _role(session: Session, name: Name, *, oid: int | None = None) -> Row | None:
    """Return the role as the catalog has it, with ``managed_by`` and ``extra_attributes`` read from it.

    Args:
        session: The admin's session.
        name: The role's name.
        oid: The number that the role must have; None: any. A namesake is not the role that the state speaks
            of.
    """
    row = session.row(
        "SELECT *, shobj_description(oid, 'pg_authid') AS comment FROM pg_roles"
        " WHERE rolname = {name} AND oid = coalesce({oid}, oid)",
        name=str(name),
        oid=oid,
    )
    if row is not None:
        row["managed_by"] = mark_read(row["comment"])
        row["extra_attributes"] = [word for word, column in _EXTRA_ATTRIBUTES.items() if row[column]]
    return row


def _present(row: Row | None, name: Name) -> Row:
    if row is None:
        raise missing("role", name)
    return row


def _stored(session: Session, name: Name) -> str | None:
    """Return the stored verifier ("" for none), or None where this admin may not see it."""
    may = session.row("SELECT has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'SELECT') AS may")
    if may is None or not may["may"]:
        return None
    row = session.row("SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = {name}", name=str(name))
    return (row["rolpassword"] if row else None) or ""


def _settle(session: Session, name: Name, planned: State, *, extra: list[str]) -> None:
    """Set everything that is managed, within the caller's transaction.

    Only powers that are there are taken away: from PostgreSQL 16 on an admin may not even say NOREPLICATION
    without having REPLICATION.
    """
    session.execute(
        "ALTER ROLE {role} {login} CONNECTION LIMIT {limit} PASSWORD {verifier}",
        role=name,
        login=Keywords("LOGIN" if planned["login"] else "NOLOGIN"),
        limit=int(planned["connection_limit"]),
        verifier=planned["password_verifier"],
    )
    for word in extra:
        session.execute("ALTER ROLE {role} {word}", role=name, word=Keywords(f"NO{word}"))
    session.execute(
        "ALTER ROLE {role} SET statement_timeout = {time}",
        role=name,
        time=f"{int(planned['statement_timeout_seconds'])}s",
    )
    session.execute("COMMENT ON ROLE {role} IS {mark}", role=name, mark=mark_make(planned["managed_by"]))


def _state(row: Row, *, password_verifier: str) -> State:
    return {
        "id": row["rolname"],
        "name": row["rolname"],
        "managed_by": row["managed_by"],
        "password_verifier": password_verifier,
        "connection_limit": row["rolconnlimit"],
        "statement_timeout_seconds": _timeout_seconds(row["rolconfig"] or []),
        "login": row["rolcanlogin"],
        "extra_attributes": row["extra_attributes"],
        "oid": row["oid"],
    }


def _timeout_seconds(settings: list[str]) -> float | None:
    """Read ``statement_timeout`` as anybody may have written it; None where it is not set for the role."""
    for setting in settings:
        match = re.fullmatch(r"statement_timeout=(\d+)\s*(us|ms|s|min|h|d|)", setting)
        if match:
            seconds = int(match[1]) * _SETTING_SECONDS[match[2]]
            return int(seconds) if seconds == int(seconds) else seconds
    return None
