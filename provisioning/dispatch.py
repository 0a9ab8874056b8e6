"""The wake-up: a NOTIFY inside the transaction that made work, so that it is heard exactly when the work is there.

And where workers look for hints: the queues of their pools.
"""

from django.db import connection

CHANNEL = "runs"
"""What the dispatcher listens to. The ordering statement says the same by itself."""

DEFAULT_POOL = "default"
"""Whose workers carry out what no connection keeps for others."""


def runs_notify() -> None:
    """Wake the dispatchers when the present transaction commits; costs nothing if nobody listens."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def queue_of(pool: str) -> str:
    """Return the broker's queue that a pool's workers take hints from."""
    return "runs" if pool == DEFAULT_POOL else f"runs.{pool}"
