"""Which waiting runs workers are told of, and when again."""

from collections.abc import Sequence

from provisioning.models import Run
from provisioning.states import CLAIMABLE_RUN

HINT_SECONDS = 10
"""A run is hinted at so often at most: a worker that has not taken it by then has lost the hint."""

# One statement, because each round trip stands between an order and its worker.
_TO_HINT = """
UPDATE run SET hinted_at = clock_timestamp() FROM (
    SELECT id, hinted_at FROM run
    WHERE status IN ('pending', 'recovering') AND lease_owner IS NULL AND not_before <= clock_timestamp()
      AND (hinted_at IS NULL OR hinted_at <= clock_timestamp() - make_interval(secs => %(hint_seconds)s))
    ORDER BY priority, id
    LIMIT greatest(0, %(slots)s - (
        SELECT count(*) FROM run
        WHERE status IN ('pending', 'recovering') AND lease_owner IS NULL AND not_before <= clock_timestamp()
          AND hinted_at > clock_timestamp() - make_interval(secs => %(hint_seconds)s)))
    FOR NO KEY UPDATE SKIP LOCKED
) AS due WHERE run.id = due.id
RETURNING run.id, run.priority, run.correlation_id, run.traceparent,
    CASE WHEN due.hinted_at IS NULL
        THEN extract(epoch FROM clock_timestamp() - greatest(run.created_at, run.not_before))::float8
    END AS lag_seconds
"""


def runs_to_hint(*, slots: int) -> list[Run]:
    """Mark and return waiting runs that workers shall be told of.

    Each has a ``lag_seconds``: for how long it could have begun; None where a worker was told of it before.

    Args:
        slots: Hints that may be on their way at once: what the workers can take. More would only pile up in the broker.
    """
    values = {"slots": slots, "hint_seconds": float(HINT_SECONDS)}
    return sorted(Run.objects.raw(_TO_HINT, values), key=lambda run: (run.priority, run.pk))


def runs_unhint(runs: Sequence[Run]) -> None:
    """Forget the marks of runs that no worker was told of after all, so that the next sweep tells of them again."""
    Run.objects.filter(pk__in=[run.pk for run in runs], status__in=CLAIMABLE_RUN).update(hinted_at=None)
