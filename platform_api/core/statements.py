"""Statements whose text never changes: written by hand, or translated once.

A driver that takes ``%(name)s`` looks through a text for them each time that it is too long for what it keeps: 0.35 ms
for the statement that writes an order. These are looked through once a process; a text that were made up anew each time
would be kept for good. Whatever counts, logs or wraps queries sees them as they were written.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection

from platform_api.core import row_scope
from platform_api.core.row_scope import ENTER


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


def scoped_run(text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a query that sets the scope of its rows itself, where it is a transaction by itself.

    That is half the cost of sending the scope before it. The query waits for the scope: only what comes out of it has
    the query evaluated, and a query that did not wait would see no rows.

    Args:
        text: A SELECT that is the same each time, with ``%s`` where values go.
        parameters: In order.
    """
    scope = row_scope.current()
    if scope is None or connection.in_atomic_block:
        return statement_run(text, parameters)
    with row_scope.carried():
        return statement_run(_carrying(text), [*scope.values.values(), *parameters])


@cache
def _carrying(text: str) -> str:
    return f"""
        WITH scope AS MATERIALIZED ({re.sub(r"%[(][a-z_]+[)]s", "%s", ENTER)})
        SELECT found.* FROM scope CROSS JOIN LATERAL (
            SELECT every.* FROM ({text}) AS every WHERE scope.is_set OFFSET 0
        ) AS found
    """  # noqa: S608 - a statement of ours around another
