"""A customer's program on a PostgreSQL: knows nothing but the address that was revealed to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg

from platform_api.embedded.demo.stage import Stage

NOTES = ("bread", "milk", "a database")
_CONNECT_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class LogIn:
    """Who a customer is on the server, by the server's own word."""

    username: str
    database: str
    # How many connections the role may hold at once.
    connection_limit: int


def logged_in(stage: Stage, uri: str) -> LogIn:
    """Log in, and ask the server who one is.

    Raises:
        ExpectationError: The server refuses.
    """
    with _connected(stage, uri) as connection:
        row = connection.execute(
            "SELECT current_user, current_database(), rolconnlimit FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    if row is None:
        raise stage.failure("the server knows the role", expected="one row of pg_roles", came="none")
    return LogIn(username=row[0], database=row[1], connection_limit=row[2])


def notes_write(stage: Stage, uri: str) -> None:
    """Make a table and put rows into it.

    Raises:
        ExpectationError: The server refuses.
    """
    with _connected(stage, uri) as connection:
        connection.execute("CREATE TABLE note (number integer PRIMARY KEY, text text NOT NULL)")
        connection.cursor().executemany("INSERT INTO note VALUES (%s, %s)", list(enumerate(NOTES)))


def notes_read(stage: Stage, uri: str) -> tuple[str, ...]:
    """Read the rows back.

    Raises:
        ExpectationError: The server refuses.
    """
    with _connected(stage, uri) as connection:
        return tuple(row[0] for row in connection.execute("SELECT text FROM note ORDER BY number"))


def refusal_of(uri: str) -> str:
    """Try to log in, and tell what the server says to that; empty when it lets one in."""
    try:
        psycopg.connect(uri, connect_timeout=_CONNECT_SECONDS).close()
    except psycopg.OperationalError as error:
        return str(error).strip().splitlines()[-1]
    return ""


def neighbors_of(stage: Stage, uri: str, *, role: str, database: str) -> dict[str, int]:
    """Count the roles and the databases of these names, as any customer of the same server may.

    Raises:
        ExpectationError: The server refuses.
    """
    counts: dict[str, tuple[LiteralString, str]] = {
        "roles": ("SELECT count(*) FROM pg_roles WHERE rolname = %s", role),
        "databases": ("SELECT count(*) FROM pg_database WHERE datname = %s", database),
    }
    with _connected(stage, uri) as connection:
        rows = {noun: connection.execute(query, (name,)).fetchone() for noun, (query, name) in counts.items()}
    return {noun: row[0] if row else 0 for noun, row in rows.items()}


@contextmanager
def _connected(stage: Stage, uri: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(uri, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
            yield connection
    except psycopg.Error as error:
        raise stage.failure(
            "the customer's database serves its owner", expected="an answer", came=str(error).strip()
        ) from error
