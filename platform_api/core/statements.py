"""Statements whose text never changes: written by hand, or translated once.

A driver that takes ``%(name)s`` looks through a text for them each time that it is too long for what it keeps: 0.35 ms
for the statement that writes an order. Here each text is looked through once a process. Django's cursor stands around
the driver's, so that whatever counts, logs or wraps queries sees these too, as they were written.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Self

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import RawCursor

_PLACE = re.compile(r"%(?:\((?P<name>\w+)\)s|s|%)")


@cache
def numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text as PostgreSQL reads it, and the names of its parameters in order; none where they have no names.

    Raises:
        ValueError: Some have names and some have none.
    """
    numbers = dict[str, str]()
    nameless = 0

    def number(found: re.Match[str]) -> str:
        nonlocal nameless
        if found[0] == "%%":
            return "%"
        if found["name"] is None:
            nameless += 1
            return f"${nameless}"
        return numbers.setdefault(found["name"], f"${len(numbers) + 1}")

    changed = _PLACE.sub(number, text)
    if numbers and nameless:
        raise ValueError("A statement's parameters have names or none.")
    return changed, tuple(numbers)


class _StatementCursor(RawCursor[tuple[Any, ...]]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        text, names = numbered(query)
        given = [params[name] for name in names] if names else params
        return super().execute(text, given, **options)


@contextmanager
def statement_cursor() -> Iterator[CursorWrapper]:
    """Give a cursor for texts that stay the same; one that is made up anew each time would be kept for good."""
    connection.ensure_connection()
    with connection._prepare_cursor(_StatementCursor(connection.connection)) as cursor:  # type: ignore[attr-defined]  # noqa: SLF001 - Django lets nobody choose a cursor otherwise
        yield cursor


def statement_run(text: str, parameters: Mapping[str, Any] | Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement, and return its rows.

    Args:
        text: SQL that is the same each time, with ``%(name)s`` or ``%s`` where values go, each with a cast where its
            type does not follow.
        parameters: By name, or in order.
    """
    with statement_cursor() as cursor:
        cursor.execute(text, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
