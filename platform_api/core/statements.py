"""Statements whose text never changes: written by hand, or translated once.

A driver that takes ``%(name)s`` looks through a text for them each time that it is too long for what it keeps: 0.35 ms
for the statement that writes an order. These are looked through once a process; a text that were made up anew each time
would be kept for good. Whatever counts, logs or wraps queries sees them as they were written.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection


def statement_run(text: str, parameters: Mapping[str, Any] | Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement, and return its rows.

    Args:
        text: SQL that is the same each time, with ``%(name)s`` or ``%s`` where values go, each with a cast where its
            type does not follow.
        parameters: By name, or in order.
    """
    with connection.statement_cursor() as cursor:  # type: ignore[attr-defined]  # of core/postgresql
        cursor.execute(text, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
