"""Connections of one's own, beside Django's: for what must not share a transaction or a thread with other work."""

from typing import Any

import psycopg
from django.db import connection

_NAMES = ("dbname", "user", "password", "host", "port", "sslmode", "sslrootcert")
CONNECT_SECONDS = 5


def connect_apart(*, name: str, statement_timeout_ms: int | None = None) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection as the service's user, in autocommit.

    Args:
        name: How PostgreSQL's views name it.
        statement_timeout_ms: How long one statement may take; None for as long as it likes.

    Raises:
        psycopg.OperationalError: The server does not answer within five seconds.
    """
    known = connection.get_connection_params()
    wanted = {key: known[key] for key in _NAMES if key in known}
    options = f"{known['options']} -c statement_timeout={statement_timeout_ms or 0}"  # rows as this process sees them
    return psycopg.connect(
        **wanted, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name=name, options=options
    )
