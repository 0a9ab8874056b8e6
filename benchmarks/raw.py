"""R, the reference: as little as a program can do that keeps three rows of one call in one transaction.

``RAW_DATABASE_URL`` says where; ``tables_make`` makes its tables there. Run by granian, 2 processes of 4 threads.
"""

import json
import os
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

_TABLES = """
CREATE TABLE raw_{name} (
    id uuid PRIMARY KEY, parent_id uuid, body jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON raw_{name} TO slipway_app;
"""
_NAMES = ("request", "run", "event")
_INSERT = {name: f"INSERT INTO raw_{name} (id, parent_id, body) VALUES (%s, %s, %s)" for name in _NAMES}


class _Kept(threading.local):
    connection: psycopg.Connection[tuple[Any, ...]] | None = None


_kept = _Kept()


def tables_make(url: str) -> None:
    """Make the tables, as their owner."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name in _NAMES:
            connection.execute(_TABLES.format(name=name))


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer one call (WSGI)."""
    connection = _kept.connection
    if connection is None:
        connection = _kept.connection = psycopg.connect(os.environ["RAW_DATABASE_URL"], autocommit=True)
    body = json.dumps(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
    first = uuid.uuid4()
    with connection.transaction():
        for name in _NAMES:
            connection.execute(_INSERT[name], (first if name == "request" else uuid.uuid4(), first, body))
    answer = b'{"id":"%s"}' % str(first).encode()
    start_response("201 Created", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
