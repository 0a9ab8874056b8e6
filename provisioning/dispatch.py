"""The wake-up: a NOTIFY inside the transaction that made work, so that it is heard exactly when the work is there."""

from django.db import connection

RUN_FORMAT = 1
"""What version of a worker the runs need that this release writes: their ``worker_min_version``.

Where a run's rows are to mean something new, the release before teaches workers (``WORKER_VERSION``), and only then is
this raised: workers of the release before leave such runs alone, and no upgrade stops the others.
"""

CHANNEL = "runs"
"""What the dispatcher listens to. The ordering statement says the same by itself."""


def runs_notify() -> None:
    """Wake the dispatchers when the present transaction commits; costs nothing if nobody listens."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
