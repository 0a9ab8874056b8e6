"""Which waiting runs workers are told of, and when again."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from platform_api.core.literals import listed
from platform_api.core.locks import Lock, locked_rows
from provisioning.models import Run
from provisioning.states import CLAIMABLE_RUN

HINT_SECONDS = 10
"""A run is hinted at so often at most: a worker that has not taken it by then has lost the hint."""

_CLAIMABLE = f"status IN {listed(CLAIMABLE_RUN)} AND lease_owner IS NULL"

# One statement for all pools, because each round trip stands between an order and its worker. A slot is taken by a run
# that somebody holds, and by a hint that is on its way. Hinted runs are counted by an index of their own: ten thousand
# that wait are not looked through for the few.
_TO_HINT = f"""
UPDATE run SET hinted_at = clock_timestamp() FROM (
    SELECT due.* FROM unnest(%(pools)s::text[], %(slots)s::int[]) AS given(pool, slots) CROSS JOIN LATERAL (
        SELECT run.id, run.hinted_at FROM run
        WHERE run.pool = given.pool AND {_CLAIMABLE} AND not_before <= clock_timestamp()
          AND (hinted_at IS NULL OR hinted_at <= clock_timestamp() - make_interval(secs => %(hint_seconds)s))
        ORDER BY run.pool, priority, id
        LIMIT greatest(0, given.slots - (
            SELECT count(*) FROM run WHERE run.pool = given.pool AND lease_owner IS NOT NULL
        ) - (
            SELECT count(*) FROM run WHERE run.pool = given.pool AND {_CLAIMABLE} AND not_before <= clock_timestamp()
              AND hinted_at > clock_timestamp() - make_interval(secs => %(hint_seconds)s)
        ))
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS due
) AS chosen
WHERE run.id = chosen.id
RETURNING run.id, run.pool, run.priority, run.correlation_id, run.traceparent,
    CASE WHEN chosen.hinted_at IS NULL
        THEN extract(epoch FROM clock_timestamp() - greatest(run.created_at, run.not_before))::float8
    END
"""  # noqa: S608 - the words are ours

_COLUMNS = ("id", "pool", "priority", "correlation_id", "traceparent")
_UNHINT = f"UPDATE run SET hinted_at = NULL WHERE id = ANY(%s) AND {_CLAIMABLE}"  # noqa: S608 - as above


def runs_to_hint(*, slots: Mapping[str, int]) -> list[Run]:
    """Mark and return waiting runs that workers shall be told of, the most urgent first.

    Each has a ``lag_seconds``: for how long it could have begun; None where a worker was told of it before.

    Dispatchers that do this at once do it one after the other: together they send no more hints than one would.

    Args:
        slots: By pool, how many runs its workers take at once. Hints on their way and runs that are worked on are never
            more: what a worker cannot take would only pile up in the broker. Runs of other pools are left alone.
    """
    values = {"pools": list(slots), "slots": list(slots.values()), "hint_seconds": float(HINT_SECONDS)}
    runs = [_run(row) for row in locked_rows(Lock.HINTS, _TO_HINT, values)]
    return sorted(runs, key=lambda run: (run.priority, run.pk))


def _run(row: Sequence[Any]) -> Run:
    *columns, lag_seconds = row
    run = Run.from_db(None, _COLUMNS, columns)
    run.lag_seconds, run.is_hinted_again = lag_seconds, lag_seconds is None
    return run


def runs_unhint(runs: Sequence[Run]) -> None:
    """Forget the marks of runs that no worker was told of after all, so that the next sweep tells of them again."""
    with connection.cursor() as cursor:
        cursor.execute(_UNHINT, [[run.pk for run in runs]])


def run_unhint(run_id: UUID) -> None:
    """Forget the mark of a run whose hint came to a worker that takes none now; nothing where somebody took it."""
    Run.objects.filter(pk=run_id, status__in=CLAIMABLE_RUN, lease_owner=None).update(hinted_at=None)
