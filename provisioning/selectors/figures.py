"""How the queue stands, read from rows: true whichever worker or dispatcher is gone."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from platform_api.core import row_scope
from provisioning.states import CLAIMABLE_RUN, LIVE_RUN, RunStatus

TIMEOUT_MS = 2000
"""What the query may take; it takes milliseconds, and nobody's scrape shall hold a connection for long."""

PATIENCE_LEASES = 2
"""So many leases past its deadline a run has no progress: its worker ends it at the deadline, and if that is lost,
the dispatcher takes the run one lease later."""

# The condition names the statuses of the partial index over live runs, in its order: finished ones are never looked at.
_FIGURES = """
SELECT pool, status, count(*),
    coalesce(max(extract(epoch FROM clock_timestamp() - greatest(created_at, not_before)))
        FILTER (WHERE lease_owner IS NULL AND status IN ({claimable}) AND not_before <= clock_timestamp()), 0)::float8,
    count(*) FILTER (WHERE lease_until < clock_timestamp()),
    count(*) FILTER (WHERE deadline < clock_timestamp() - make_interval(secs => %(patience)s))
FROM run WHERE status IN ({statuses})
GROUP BY pool, status
""".format(
    statuses=", ".join(f"'{status}'" for status in sorted(LIVE_RUN)),
    claimable=", ".join(f"'{status}'" for status in sorted(CLAIMABLE_RUN)),
)


@dataclass(frozen=True, kw_only=True)
class RunFigure:
    """Runs of one pool in one live status.

    Attributes:
        count: How many there are.
        oldest_seconds: For how long the oldest could have been taken by a worker; 0 where none waits for one.
        expired: Those whose worker gave no sign of life for a whole lease, and that nobody has taken yet.
        stalled: Those that are past their deadline by more than ``PATIENCE_LEASES``.
    """

    pool: str
    status: RunStatus
    count: int
    oldest_seconds: float
    expired: int
    stalled: int


def run_figures() -> Sequence[RunFigure]:
    """Return how live runs of all tenants stand, by pool and status; what is not there is not told.

    Raises:
        DatabaseError: The database does not answer, or not within ``TIMEOUT_MS``.
    """
    with row_scope.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(TIMEOUT_MS)])
        cursor.execute(_FIGURES, {"patience": float(PATIENCE_LEASES * settings.LEASE_SECONDS)})
        return [
            RunFigure(
                pool=pool,
                status=RunStatus(status),
                count=count,
                oldest_seconds=max(0.0, oldest_seconds),
                expired=expired,
                stalled=stalled,
            )
            for pool, status, count, oldest_seconds, expired, stalled in cursor.fetchall()
        ]
