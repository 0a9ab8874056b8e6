"""The wake-up: a NOTIFY inside the transaction that made work, so that it is heard exactly when the work is there.

And where workers look for hints: the queues of their pools.
"""

from django.db import connection

LISTENER = "slipway-listen"
"""How PostgreSQL's views name the connection on which a dispatcher listens; who counts those counts dispatchers."""

CHANNEL = "runs"
"""What the dispatcher listens to. The ordering statement says the same by itself."""

DEFAULT_POOL = "default"
"""Whose workers carry out what no connection keeps for others."""


def runs_notify() -> None:
    """Wake the dispatchers when the present transaction commits; costs nothing if nobody listens."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def dispatchers_connected() -> int:
    """Count the dispatchers that listen to this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s",
            [LISTENER],
        )
        (count,) = cursor.fetchone() or (0,)
    return int(count)


def queue_of(pool: str) -> str:
    """Return the broker's queue that a pool's workers take hints from."""
    return "runs" if pool == DEFAULT_POOL else f"runs.{pool}"
