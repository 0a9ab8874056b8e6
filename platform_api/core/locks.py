"""Locks on work rather than on rows: of several processes that would do the same, one does.

They are advisory, and each is a transaction's: PostgreSQL frees it with the connection of a holder that is gone, and a
pooler between may hand connections around.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from django.db import connection

from platform_api.core.connections import connect_apart

_SPACE = 0x51_1B
"""The first half of each lock's key; the second is its number."""

HELD_SECONDS = 60
"""A holder that says nothing for so long is cut off by PostgreSQL: it may be stopped, and the others cannot wait."""


class Lock(IntEnum):
    """What is locked. A number keeps its meaning for as long as two versions may run side by side."""

    HINTS = 1
    REAPING = 2
    EXPIRING = 3
    REPEATING = 4
    ADVANCING = 5
    MAKING = 6
    VERIFYING = 7
    SWEEPING = 8


def locked_rows(lock: Lock, statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement after all that hold the lock have committed, so that it sees what they wrote; return its rows.

    Lock and statement go in one exchange and are one transaction: a process that is stopped holds nothing meanwhile.
    """
    connection.ensure_connection()
    with connection.cursor() as first, connection.cursor() as cursor:
        with connection.connection.pipeline():
            first.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_SPACE, int(lock)])
            cursor.execute(statement, values)
        return list(cursor.fetchall())


class Turns:
    """Takes locks that are held for longer than a transaction of the work: on a connection of their own."""

    def __init__(self) -> None:
        self._connection = connect_apart(name="slipway-turns")
        self._connection.execute(f"SET idle_in_transaction_session_timeout = '{HELD_SECONDS}s'")

    @contextmanager
    def taken(self, lock: Lock) -> Iterator[bool]:
        """Tell whether it is this process's turn; if so, it is for as long as the context lasts.

        Raises:
            psycopg.OperationalError: The connection is gone, be it at the end: somebody else may have had a turn.
        """
        with self._connection.transaction():
            row = self._connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_SPACE, int(lock)]).fetchone()
            yield row == (True,)

    def close(self) -> None:
        """Give back whatever is held."""
        self._connection.close()
