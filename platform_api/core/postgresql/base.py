"""Django's PostgreSQL backend, which says with each transaction whose rows it may touch (``core.row_scope``).

The scope travels in one pipeline with the first statement of a transaction, or with a statement that is a transaction
by itself: no round trip is added. It is set for that transaction alone, so a connection that goes back to the pool,
also after an error, takes nothing along.
"""

from datetime import UTC
from functools import cache, cached_property
from typing import Any, Self

from django.conf import settings
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import get_adapters_template
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Cursor, RawCursor, adapters
from psycopg.adapt import AdaptersMap
from psycopg.postgres import types
from psycopg.pq import Format, PipelineStatus, TransactionStatus
from psycopg.types.datetime import TimestamptzLoader

from platform_api.core import row_scope
from platform_api.core.postgresql.exchange import UnknownKindError, exchange
from platform_api.core.postgresql.numbering import numbered
from platform_api.core.row_scope import ALL, CARRIED, ENTER, EVERYTHING, NOTHING, VARIABLE, RowScope

OPTION = "row_scope"
"""In ``OPTIONS``: ``all`` where connections are opened with everything in scope, ``nothing`` where calls say theirs."""


class TransactionScope:
    """What PostgreSQL applies in the present transaction, as far as it was told.

    Attributes:
        of_connection: What holds where nothing is said.
        said: What was said last; None where a rollback may have taken it back, or a statement has said its own.
    """

    def __init__(self, of_connection: RowScope) -> None:
        self.of_connection = of_connection
        self.said: RowScope | None = of_connection

    def missing(self, status: int) -> RowScope | None:
        """Return what has to be said before the next statement; None where it holds already, or nothing can be said."""
        if status == TransactionStatus.IDLE:
            self.said = self.of_connection
        elif status == TransactionStatus.INERROR:
            self.said = None  # the next statement is a rollback
            return None
        wanted = row_scope.current() or self.of_connection
        if wanted is CARRIED:
            self.said = None
            return None
        return None if wanted == self.said else wanted


class ScopedCursor(Cursor[Any]):
    """A cursor whose statements run within the scope of whoever the thread works for.

    A pipeline that is open already has to be one transaction: after a synchronization within it the scope is empty, and
    nothing is seen. Cursors that stay on the server, which ``iterator()`` makes, see what the connection does.
    """

    transaction: TransactionScope | None = None

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Run a statement, in one exchange with its scope where that has to be said."""
        wanted = self._missing()
        if wanted is None:
            super().execute(query, params, **options)
        elif self.connection.pgconn.pipeline_status != PipelineStatus.OFF:
            self._say(wanted)
            super().execute(query, params, **options)
        else:
            with self.connection.pipeline():
                self._say(wanted)
                super().execute(query, params, **options)
        return self

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """Run a statement with each of many values, within a transaction."""
        wanted = self._missing()
        if wanted is not None and not self.connection.autocommit:
            self._say(wanted)
        super().executemany(query, params_seq, **options)

    def _missing(self) -> RowScope | None:
        return None if self.transaction is None else self.transaction.missing(self.connection.pgconn.transaction_status)

    def _say(self, scope: RowScope) -> None:
        Cursor(self.connection).execute(ENTER, scope.values)
        if self.transaction is not None and not self.connection.autocommit:
            self.transaction.said = scope


@cache
def _adapters() -> AdaptersMap:
    """Return Django's adapters, but with psycopg's own reader of moments, which is in C; Django's is not.

    Django's gives each moment the zone of its settings. Connections are in that zone, so psycopg's does the same.
    """
    made = AdaptersMap(get_adapters_template(settings.USE_TZ, UTC))
    moment = types["timestamptz"].oid
    made.register_loader(moment, adapters.get_loader(moment, Format.TEXT) or TimestamptzLoader)
    return made


class NumberedCursor(ScopedCursor, RawCursor[Any]):
    """The same for texts that number their parameters."""

    @property
    def adapters(self) -> AdaptersMap:
        """What reads and writes values; the same for all connections."""
        return _adapters()


class StatementCursor:
    """Runs texts that never change, which are looked through once a process (``core/statements.py``).

    What is a transaction by itself goes the short way (``exchange``).
    """

    def __init__(self, connection: Connection[Any], transaction: TransactionScope) -> None:
        self._connection, self._transaction = connection, transaction
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, query: str, params: Any = None) -> None:
        """Run a statement with parameters by name or in order."""
        text, names = numbered(query)
        values = [params[name] for name in names] if names else params or ()
        status = self._connection.pgconn.transaction_status
        if (
            status == TransactionStatus.IDLE
            and self._connection.autocommit
            and self._connection.pgconn.pipeline_status == PipelineStatus.OFF
            and self._transaction.missing(status) is None
        ):
            try:
                self._rows = exchange(self._connection, text, values, adapters=_adapters)
            except UnknownKindError:
                pass
            else:
                return
        with NumberedCursor(self._connection) as cursor:
            cursor.transaction = self._transaction
            cursor.execute(text, values)
            self._rows = cursor.fetchall() if cursor.description else []

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return self._rows

    def close(self) -> None:
        """Hold nothing any more."""
        self._rows = []


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of the service's user."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_everything = self.settings_dict["OPTIONS"][OPTION] == ALL
        self.transaction_scope = TransactionScope(EVERYTHING if is_everything else NOTHING)

    def get_connection_params(self) -> dict[str, Any]:
        """Return what psycopg connects with; asked by each call, though the pool has a connection already."""
        return {**self._pool_params} if "pool" in self.settings_dict["OPTIONS"] else self._made_params()

    @cached_property
    def _pool_params(self) -> dict[str, Any]:
        return self._made_params()

    def _made_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super().get_connection_params()
        scope = f"-c {VARIABLE}={parameters.pop(OPTION)}"
        return {
            **parameters,
            "options": f"{parameters['options']} {scope}",
            "cursor_factory": ScopedCursor,
        }

    def _set_autocommit(self, autocommit: bool) -> None:  # noqa: FBT001 - Django's signature
        """Say it to psycopg where it is news; a connection of the pool comes as it went."""
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stub lacks it

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor that knows what was said in this connection's transaction."""
        cursor = super().create_cursor(name)
        if isinstance(cursor, ScopedCursor):
            cursor.transaction = self.transaction_scope
        return cursor

    def statement_cursor(self) -> CursorWrapper:
        """Return a cursor for texts that never change."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        cursor = StatementCursor(self.connection, self.transaction_scope)
        made: CursorWrapper = self._prepare_cursor(cursor)  # type: ignore[attr-defined]  # the stub lacks it
        return made

    def savepoint_rollback(self, sid: str) -> None:
        """Go back to a savepoint, and with that to the scope that held there."""
        super().savepoint_rollback(sid)
        self.transaction_scope.said = None
