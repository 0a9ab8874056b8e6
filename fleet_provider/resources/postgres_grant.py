"""``fleet_postgres_grant``: what one role may do with one database."""

from collections.abc import Mapping
from typing import Any

from tf.iface import CreateContext, DeleteContext, ImportContext, ReadContext, State, UpdateContext
from tf.schema import Attribute, Schema
from tf.types import Set, String, Unknown

from fleet_provider.clients.postgres import Keywords, Name, Session
from fleet_provider.faults import Fault
from fleet_provider.resources.base import FleetResource, missing, name_faults
from fleet_provider.resources.mark import mark_read

PRIVILEGES = frozenset({"CONNECT", "CREATE", "TEMPORARY"})
"""All that PostgreSQL knows for databases."""


class PostgresGrant(FleetResource):
    """All privileges of one role on one database: what is not listed is revoked.

    The grant is made only where database and role carry the same mark: it never opens a database to another
    customer's role, nor an object that Slipway does not manage. Since the pair is then provably of one owner,
    ``create`` adopts whatever privileges it finds on it.

    A privilege that the role may pass on reads as ``CONNECT*``, PostgreSQL's own notation, and is drift.
    """

    @classmethod
    def get_name(cls) -> str:
        """Name of the type, without the provider's prefix."""
        return "postgres_grant"

    @classmethod
    def get_schema(cls) -> Schema:
        """Attributes with their allowed values."""
        return Schema(
            version=0,
            description="The privileges of a role on a database.",
            attributes=[
                cls.ID,
                Attribute(
                    "database",
                    String(),
                    required=True,
                    requires_replace=True,
                    description="Name of the database.",
                ),
                Attribute("role", String(), required=True, requires_replace=True, description="Name of the role."),
                Attribute(
                    "privileges",
                    Set(String()),
                    required=True,
                    description=f"One or more of {', '.join(sorted(PRIVILEGES))}; others that the role holds "
                    f"are revoked.",
                ),
            ],
        )

    def faults(self, known: Mapping[str, Any]) -> list[Fault]:
        """Judge names and privileges."""
        found = []
        for attribute in ("database", "role"):
            if attribute in known:
                found += name_faults(attribute, known[attribute])
        privileges = [item for item in known.get("privileges", PRIVILEGES) if item is not Unknown]
        if not set(privileges) <= PRIVILEGES or known.get("privileges") == []:
            found.append(
                Fault(
                    "privileges are not those of a database",
                    detail=f"Found {', '.join(map(repr, privileges)) or 'none'}.",
                    remedy=f"Allowed: one or more of {', '.join(sorted(PRIVILEGES))}, in capitals.",
                    attribute="privileges",
                )
            )
        return found

    def create(self, ctx: CreateContext, planned: State) -> State:
        """Give the listed privileges and no others.

        Raises:
            Fault: Database and role are not of one owner, one is missing, or the server refuses.
        """
        return self._settle(planned, verb="Creating")

    def update(self, ctx: UpdateContext, current: State, planned: State) -> State:
        """Give the listed privileges and no others; as ``create``."""
        return self._settle(planned, verb="Updating")

    def read(self, ctx: ReadContext, current: State) -> State | None:
        """Report the privileges as they are now; None when none is left."""
        return self._read(current["database"], current["role"], verb="Reading")

    def delete(self, ctx: DeleteContext, current: State) -> None:
        """Revoke everything; what is gone already is a success."""
        database, role = Name(current["database"]), Name(current["role"])

        def work(session: Session) -> None:
            with session.transaction():
                session.lock("database", database)
                if _held(session, database, role):
                    session.execute(
                        "REVOKE ALL ON DATABASE {database} FROM {role} CASCADE", database=database, role=role
                    )

        self.fleet.postgres.run(f"Deleting grant {_id(database, role)}", work)

    def import_(self, ctx: ImportContext, id: str) -> State:  # noqa: A002 - tf's signature
        """Take a grant over by ``database/role``.

        Raises:
            Fault: The role has no privilege on the database.
        """
        database, _, role = id.partition("/")
        state = self._read(database, role, verb="Importing")
        if state is None:
            raise missing("grant", id)
        return state

    def _settle(self, planned: State, *, verb: str) -> State:
        database, role = Name(planned["database"]), Name(planned["role"])

        def work(session: Session) -> None:
            with session.transaction():
                session.lock("database", database)
                _refuse_strangers(session, database, role)
                session.execute("REVOKE ALL ON DATABASE {database} FROM {role} CASCADE", database=database, role=role)
                session.execute(
                    "GRANT {privileges} ON DATABASE {database} TO {role}",
                    privileges=Keywords(", ".join(sorted(PRIVILEGES & set(planned["privileges"])))),
                    database=database,
                    role=role,
                )

        self.fleet.postgres.run(f"{verb} grant {_id(database, role)}", work)
        return {**planned, "id": _id(database, role)}

    def _read(self, database: str, role: str, *, verb: str) -> State | None:
        held = self.fleet.postgres.run(
            f"{verb} grant {_id(database, role)}", lambda session: _held(session, Name(database), Name(role))
        )
        if not held:
            return None
        return {"id": _id(database, role), "database": database, "role": role, "privileges": held}


def _id(database: str, role: str) -> str:
    return f"{database}/{role}"


def _held(session: Session, database: Name, role: Name) -> list[str]:
    """Return the privileges that the role itself holds, with a star where it may pass one on."""
    row = session.row(
        "SELECT array_agg(DISTINCT a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END) AS held"
        " FROM pg_database d JOIN pg_roles r ON r.rolname = {role},"
        " LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
        " WHERE d.datname = {database} AND a.grantee = r.oid",
        database=str(database),
        role=str(role),
    )
    return list((row and row["held"]) or [])


def _refuse_strangers(session: Session, database: Name, role: Name) -> None:
    row = session.row(
        "SELECT"
        " (SELECT coalesce(shobj_description(oid, 'pg_database'), '')"
        "  FROM pg_database WHERE datname = {database}) AS of_database,"
        " (SELECT coalesce(shobj_description(oid, 'pg_authid'), '')"
        "  FROM pg_roles WHERE rolname = {role}) AS of_role",
        database=str(database),
        role=str(role),
    )
    of_database, of_role = (row["of_database"], row["of_role"]) if row else (None, None)
    if of_database is None:
        raise missing("database", database)
    if of_role is None:
        raise missing("role", role)
    if not mark_read(of_role) or mark_read(of_database) != mark_read(of_role):
        raise Fault(
            f'Database "{database}" and role "{role}" are not of one owner',
            detail=f"Their comments name {mark_read(of_database) or 'nobody'} and {mark_read(of_role) or 'nobody'}.",
            remedy="Grant only between a database and a role with the same managed_by.",
        )
