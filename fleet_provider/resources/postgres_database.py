"""``fleet_postgres_database``: a database that only its owner, and whom a grant names, can enter."""

from collections.abc import Mapping
from typing import Any

from tf.iface import CreateContext, DeleteContext, ImportContext, ReadContext, State, UpdateContext
from tf.schema import Attribute, Schema
from tf.types import Bool, List, Number, String

from fleet_provider.clients.postgres import Name, Row, Session
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
from fleet_provider.resources.postgres_role import MOST_CONNECTIONS

# Another run made it a moment ago (42P04), or is about to (23505): looking again tells whose it is.
_DUPLICATE = frozenset({"42P04", "23505"})
_CANNOT_END_SESSION = frozenset({"42501"})  # an autovacuum worker, which leaves by itself


class PostgresDatabase(FleetResource):
    """A database from ``template0``, closed to PUBLIC before anybody can enter it.

    **Whose it is.** CREATE DATABASE cannot share a transaction with COMMENT, so a killed run may leave a
    database without a mark. ``create`` adopts a database of the same name when its mark names the same
    ``managed_by``, or when it has no mark, has the planned owner, and that owner's mark names the same
    ``managed_by`` (customers cannot make databases, so only a run of ours can have made it for that role).
    Any other database it refuses. Once in the state a database is known by its ``oid``, as a role is.

    **Who sees it.** PUBLIC keeps no privilege on it. PostgreSQL shows the *names* of all databases and roles,
    and their comments, to everybody who can log in; names must not be secrets.

    **Delete** ends the sessions in the database (``WITH (FORCE)``).
    """

    @classmethod
    def get_name(cls) -> str:
        """Name of the type, without the provider's prefix."""
        return "postgres_database"

    @classmethod
    def get_schema(cls) -> Schema:
        """Attributes with unit and range."""
        return Schema(
            version=0,
            description="A PostgreSQL database.",
            attributes=[
                cls.ID,
                Attribute(
                    "name",
                    String(),
                    required=True,
                    requires_replace=True,
                    description="Name of the database, unique on the server. A new name makes a new, empty database.",
                ),
                Attribute("owner", String(), required=True, description="Role that owns it; changed in place."),
                Attribute(
                    "managed_by",
                    String(),
                    required=True,
                    description="Whom it is for, the same in every run; written into its comment, read by everybody.",
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
                    "allow_connections",
                    Bool(),
                    optional=True,
                    computed=True,
                    default=True,
                    description="May anybody connect? False keeps the data and shuts the door.",
                ),
                Attribute(
                    "public_privileges",
                    List(String()),
                    computed=True,
                    default=[],
                    description="What somebody granted to PUBLIC by hand; the next apply revokes it.",
                ),
                Attribute("host", String(), computed=True, description="Host that its users connect to."),
                Attribute("port", Number(), computed=True, description="TCP port that its users connect to."),
                Attribute("oid", Number(), computed=True, description="PostgreSQL's number of the database."),
            ],
        )

    def faults(self, known: Mapping[str, Any]) -> list[Fault]:
        """Judge names and ranges."""
        found = []
        for attribute in ("name", "owner"):
            if attribute in known:
                found += name_faults(attribute, known[attribute])
        if "managed_by" in known:
            found += managed_by_faults(known["managed_by"])
        if "connection_limit" in known:
            found += whole_number_faults(
                "connection_limit",
                known["connection_limit"],
                lowest=-1,
                highest=MOST_CONNECTIONS,
                meaning="connections at once, -1 for no limit",
            )
        return found

    def create(self, ctx: CreateContext, planned: State) -> State:
        """Make the database, or adopt it where a lost run of ours made it.

        Raises:
            Fault: A database of that name is not ours, or the server refuses.
        """
        name = Name(planned["name"])

        def work(session: Session) -> Row:
            row = _database(session, name)
            if row is None:
                # Closed until PUBLIC has lost its privileges: a session that came in between would stay.
                session.execute(
                    "CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ALLOW_CONNECTIONS false",
                    database=name,
                    owner=Name(planned["owner"]),
                )
            elif not _is_ours(row, planned):
                raise stranger(
                    "Database",
                    name,
                    why=f"Its owner is {row['owner']}, its comment names {row['managed_by'] or 'nobody'}; "
                    f"expected were {planned['owner']} and {planned['managed_by']}.",
                )
            return _settled(session, name, planned)

        return self._state(self.fleet.postgres.run(f'Creating database "{name}"', work, passing=_DUPLICATE))

    def read(self, ctx: ReadContext, current: State) -> State | None:
        """Report the database as it is now; None when it is gone."""
        name = Name(current["name"])
        row = self.fleet.postgres.run(
            f'Reading database "{name}"', lambda session: _database(session, name, oid=current["oid"])
        )
        return self._state(row) if row else None

    def update(self, ctx: UpdateContext, current: State, planned: State) -> State:
        """Set every attribute in place.

        Raises:
            Fault: The database is gone, or the server refuses.
        """
        name = Name(planned["name"])

        def work(session: Session) -> Row:
            _present(_database(session, name, oid=current["oid"]), name)
            return _settled(session, name, planned)

        return self._state(self.fleet.postgres.run(f'Updating database "{name}"', work))

    def delete(self, ctx: DeleteContext, current: State) -> None:
        """Drop the database with the sessions in it; one that is gone already is a success."""
        name = Name(current["name"])

        def work(session: Session) -> None:
            row = _database(session, name, oid=current["oid"])
            if row is None:
                return
            if row["datistemplate"]:  # its owner may say so, and would thereby keep it for ever
                session.execute("ALTER DATABASE {database} IS_TEMPLATE false", database=name)
            session.execute("DROP DATABASE IF EXISTS {database} WITH (FORCE)", database=name)

        self.fleet.postgres.run(f'Deleting database "{name}"', work, passing=_CANNOT_END_SESSION)

    def import_(self, ctx: ImportContext, id: str) -> State:  # noqa: A002 - tf's signature
        """Take a database over by its name.

        Raises:
            Fault: There is no such database.
        """
        name = Name(id)
        row = self.fleet.postgres.run(
            f'Importing database "{name}"', lambda session: _present(_database(session, name), name)
        )
        return self._state(row)

    def _state(self, row: Row) -> State:
        credentials = self.fleet.postgres.credentials
        return {
            "id": row["datname"],
            "name": row["datname"],
            "owner": row["owner"],
            "managed_by": row["managed_by"],
            "connection_limit": row["datconnlimit"],
            "allow_connections": row["datallowconn"],
            "public_privileges": row["public_privileges"] or [],
            "host": credentials.public_host,
            "port": credentials.public_port,
            "oid": row["oid"],
        }


def _database(session: Session, name: Name, *, oid: int | None = None) -> Row | None:
    """Return the database as the catalog has it, with its mark and its owner's; ``oid`` as for a role."""
    row = session.row(
        "SELECT d.*, r.rolname AS owner, shobj_description(d.oid, 'pg_database') AS comment,"
        " shobj_description(r.oid, 'pg_authid') AS owner_comment,"
        " (SELECT array_agg(DISTINCT privilege_type ORDER BY privilege_type)"
        "  FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) WHERE grantee = 0)"
        " AS public_privileges"
        " FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"
        " WHERE d.datname = {name} AND d.oid = coalesce({oid}, d.oid)",
        name=str(name),
        oid=oid,
    )
    if row is not None:
        row["managed_by"] = mark_read(row["comment"])
        row["owner_managed_by"] = mark_read(row["owner_comment"])
    return row


def _present(row: Row | None, name: Name) -> Row:
    if row is None:
        raise missing("database", name)
    return row


def _is_ours(row: Row, planned: State) -> bool:
    """Whether a database that is there was made by a run of the same ``managed_by``."""
    if row["comment"] is None:
        return bool(row["owner"] == planned["owner"] and row["owner_managed_by"] == planned["managed_by"])
    return bool(row["managed_by"] == planned["managed_by"])


def _settled(session: Session, name: Name, planned: State) -> Row:
    """Set everything that is managed in one transaction, the door last; return what is then there."""
    with session.transaction():
        session.lock("database", name)
        session.execute("ALTER DATABASE {database} OWNER TO {owner}", database=name, owner=Name(planned["owner"]))
        session.execute("REVOKE ALL ON DATABASE {database} FROM PUBLIC", database=name)
        session.execute(
            "COMMENT ON DATABASE {database} IS {mark}", database=name, mark=mark_make(planned["managed_by"])
        )
        session.execute(
            "ALTER DATABASE {database} CONNECTION LIMIT {limit} ALLOW_CONNECTIONS {allow}",
            database=name,
            limit=int(planned["connection_limit"]),
            allow=bool(planned["allow_connections"]),
        )
        return _present(_database(session, name), name)
