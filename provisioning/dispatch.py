"""The wake-up: a NOTIFY inside the transaction that made work, so that it is heard exactly when the work is there."""

from django.db import connection

CHANNEL = "runs"
"""What the dispatcher listens to. The ordering statement says the same by itself."""


def runs_notify() -> None:
    """Wake the dispatchers when the present transaction commits; costs nothing if nobody listens."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
