"""The admin's session on a PostgreSQL server: bounded in time, repaired when lost, plain about trouble."""

import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from fleet_provider.credentials import PostgresCredentials
from fleet_provider.faults import Fault

if TYPE_CHECKING:
    # psycopg costs 100 ms to import; a launched provider that only validates or shows a plan never needs it.
    import psycopg

T = TypeVar("T")
Row = dict[str, Any]

_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 120  # CREATE DATABASE took 19 to 106 ms; a starved disk may need many times that
_LOCK_SECONDS = 15
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_SELF_GRANT_SINCE = 160000  # createrole_self_grant came with PostgreSQL 16

_PASSING = frozenset(
    {
        "55006",  # object_in_use: somebody is in the template, or has not yet left
        "XX000",  # "tuple concurrently updated": two GRANT or ALTER on one catalog row
        "40P01",  # deadlock_detected
        "40001",  # serialization_failure
    }
)
_MEANINGS = {
    "42501": (
        "the admin may not do that",
        "The admin needs LOGIN CREATEDB CREATEROLE; on PostgreSQL 16 and later also the ADMIN OPTION on this "
        "role, which whoever made the role has. Let a superuser grant it, or name the admin that made it.",
    ),
    "2BP01": (
        "other objects still depend on it",
        "Drop what is listed, or hand it over with REASSIGN OWNED and DROP OWNED in each database named; "
        "then run again.",
    ),
    "42704": ("it is gone", "Somebody dropped it after the last refresh. Plan and apply again."),
    "3D000": ("the database is gone", "Somebody dropped it after the last refresh. Plan and apply again."),
    "53100": ("the server's disk is full", "Make room on the server, then run again."),
    "53300": (
        "the server has no connection left",
        "Raise max_connections or end idle sessions, then run again.",
    ),
    "55P03": (
        f"a lock was not given within {_LOCK_SECONDS} s",
        "See in pg_locks who holds it. Run again when that session is done.",
    ),
    "57014": (
        f"the statement took longer than {_STATEMENT_SECONDS} s",
        "See how busy the server is (pg_stat_activity, disk), then run again.",
    ),
    "25006": ("the server only reads", "It is a standby. Name the primary server in the credentials."),
}


class Name(str):
    """An identifier for a statement; it is quoted, whatever it holds."""

    __slots__ = ()


class Keywords(str):
    """Words of SQL itself; only constants of this provider, never what a user gave."""

    __slots__ = ()


class Session:
    """One open session, as a piece of work sees it; statements outside a transaction commit by themselves."""

    def __init__(self, connection: "psycopg.Connection[Row]") -> None:
        self._connection = connection

    @property
    def is_superuser(self) -> bool:
        """Whether the admin is a superuser, to whom every right is given without a grant."""
        return self._connection.info.parameter_status("is_superuser") == "on"

    @property
    def needs_membership(self) -> bool:
        """Whether the admin must make itself a member of a new role before it may give that role a database.

        From PostgreSQL 16 on ``createrole_self_grant`` does so at CREATE ROLE.
        """
        return not self.is_superuser and self._connection.info.server_version < _SELF_GRANT_SINCE

    def execute(self, statement: str, **parts: object) -> None:
        """Run a statement.

        Args:
            statement: SQL with ``{part}`` where a part goes; a constant of this provider.
            **parts: A ``Name`` is quoted as an identifier, ``Keywords`` go in as they are, all else as a
                literal.
        """
        self._connection.execute(_composed(statement, parts))

    def row(self, query: str, **parts: object) -> Row | None:
        """Return the first row of a query, or None; arguments as for ``execute``."""
        return self._connection.execute(_composed(query, parts)).fetchone()

    def transaction(self) -> AbstractContextManager[object]:
        """Group statements: all or none."""
        return self._connection.transaction()

    def lock(self, kind: str, name: str) -> None:
        """Take turns on one object until the transaction ends.

        Without it 45 of 64 concurrent ALTER ROLE on one role, and 31 of 64 GRANT on one database, failed with
        "tuple concurrently updated".
        """
        digest = hashlib.sha256(f"slipway fleet {kind} {name}".encode()).digest()
        self.execute("SELECT pg_advisory_xact_lock({key})", key=int.from_bytes(digest[:8], signed=True))


class Postgres:
    """The admin's one session, opened at first use; the threads of a provider use it one at a time."""

    def __init__(self, credentials: PostgresCredentials, *, patience_seconds: float = 3.0) -> None:
        """Remember how to connect.

        Args:
            credentials: Whom to connect as, and where to.
            patience_seconds: How long passing trouble (a restart, a conflict on a catalog row) is sat out.
        """
        self.credentials = credentials
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Row] | None = None

    def run(self, purpose: str, work: Callable[[Session], T], *, passing: frozenset[str] = frozenset()) -> T:
        """Do a piece of work, again from its start while the trouble is of the passing kind.

        Args:
            purpose: What the work is for, with the object's name; begins the text of a fault.
            work: Looks, decides and writes. It must bear being run twice: a lost session does not tell
                whether the last statement arrived.
            passing: Further SQLSTATEs that pass by themselves.

        Returns:
            What the work returned.

        Raises:
            Fault: The server cannot be reached, refuses the admin or refuses a statement.
        """
        import psycopg

        pause = _FIRST_PAUSE_SECONDS
        with self._lock:
            deadline = time.monotonic() + self._patience_seconds
            while True:
                try:
                    return work(self._session())
                except psycopg.Error as error:
                    passes = error.sqlstate in _PASSING | passing or self._is_lost(error)
                    if not passes or time.monotonic() + pause > deadline:
                        raise self._fault(purpose, error) from None
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _session(self) -> Session:
        import psycopg
        from psycopg.rows import dict_row

        if self._connection is None or self._connection.closed:
            it = self.credentials
            self._connection = psycopg.connect(
                host=it.host,
                port=it.port,
                user=it.user,
                password=it.password,
                dbname=it.database,
                sslmode=it.sslmode,
                sslrootcert=it.sslrootcert or None,
                connect_timeout=_CONNECT_SECONDS,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=30_000,  # milliseconds; a server that vanished is noticed in half a minute
                application_name="slipway-fleet",
                options=f"-c statement_timeout={_STATEMENT_SECONDS}s -c lock_timeout={_LOCK_SECONDS}s",
                autocommit=True,
                row_factory=dict_row,
            )
            if self._connection.info.server_version >= _SELF_GRANT_SINCE:
                # An admin that is no superuser may set a new role as a database's owner only as its member.
                self._connection.execute("SET createrole_self_grant = 'set, inherit'")
        return Session(self._connection)

    def _is_lost(self, error: "psycopg.Error") -> bool:
        """Whether there is no session now, though the admin was not turned away."""
        return (self._connection is None or self._connection.closed) and not _was_refused(error)

    def _fault(self, purpose: str, error: "psycopg.Error") -> Fault:
        it = self.credentials
        place = f"PostgreSQL at {it.host}:{it.port}, database {it.database}, as {it.user}"
        if _was_refused(error):
            return Fault(
                f"{purpose}: the fleet's PostgreSQL refuses its admin",
                detail=f"{place}: {_said(error)}",
                remedy="Correct the password, user or database in the admin credentials; the log says which.",
            )
        if error.sqlstate is None:
            return Fault(
                f"{purpose}: the fleet's PostgreSQL does not answer",
                detail=f"{place}: {_said(error)}",
                remedy="Check that the server runs, that host and port are right and that pg_hba.conf admits "
                "the admin.",
            )
        meaning, remedy = _MEANINGS.get(
            error.sqlstate, ("PostgreSQL refuses", "Look the SQLSTATE up in PostgreSQL's manual, appendix A.")
        )
        return Fault(
            f"{purpose}: {meaning}",
            detail=f"{place}: {_said(error)} (SQLSTATE {error.sqlstate})",
            remedy=remedy,
        )


def _composed(statement: str, parts: dict[str, object]) -> "psycopg.sql.Composed":
    from psycopg import sql

    def part(value: object) -> "psycopg.sql.Composable":
        if isinstance(value, Name):
            return sql.Identifier(value)
        if isinstance(value, Keywords):
            return sql.SQL(value)
        return sql.Literal(value)

    return sql.SQL(statement).format(**{key: part(value) for key, value in parts.items()})


def _was_refused(error: "psycopg.Error") -> bool:
    """Whether the server took the password and then said no; on connecting, libpq tells no SQLSTATE."""
    return error.sqlstate is None and error.pgconn is not None and error.pgconn.used_password


def _said(error: "psycopg.Error") -> str:
    """What the server said, without the statement, which may hold a verifier."""
    if error.sqlstate is None:
        return str(error).strip()
    return " ".join(text for text in (error.diag.message_primary, error.diag.message_detail) if text)
