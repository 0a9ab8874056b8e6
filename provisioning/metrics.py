"""What workers and dispatchers count. Labels come from lifecycles, pools and the catalog, never from what users choose.

What is counted within a transaction counts when that commits. How things stand now is not counted but read from rows
(``selectors.figures``), so that it is true whichever process is gone.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import product
from typing import Final

from django.db import transaction
from prometheus_client import Counter, Gauge, Histogram

from platform_api.core.metrics import REGISTRY
from provisioning.models import Run
from provisioning.states import LIVE_RUN, Operation, RunStatus

_WAITS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_LONG = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)

NO_FAILURE: Final = "none"
FAILURE_CLASSES: Final = ("retryable", "permanent", "policy", "user", "platform")

QUEUE_WAIT: Final = Histogram(
    "slipway_queue_wait_seconds",
    "From when a run could begin until a worker claimed it, by pool.",
    ["pool"],
    buckets=_WAITS,
    registry=REGISTRY,
)
FULFILMENT: Final = Histogram(
    "slipway_time_to_provision_seconds",
    "From an ask to the end of the run that fulfilled it, by kind of resource and operation.",
    ["kind", "operation"],
    buckets=_LONG,
    registry=REGISTRY,
)
OUTCOMES: Final = Counter(
    "slipway_run_outcomes",
    "Runs that ended, by operation, final status and class of failure.",
    ["operation", "status", "failure_class"],
    registry=REGISTRY,
)
LEASES_LOST: Final = Counter(
    "slipway_leases_lost",
    "Runs taken from workers that gave no sign of life, by status.",
    ["status"],
    registry=REGISTRY,
)
ZOMBIES: Final = Counter(
    "slipway_zombies_refused",
    "Workers stopped because their run was another's by then.",
    registry=REGISTRY,
)
DISPATCHER_LAG: Final = Histogram(
    "slipway_dispatcher_lag_seconds",
    "From when a run could begin until its first hint was sent.",
    buckets=_WAITS,
    registry=REGISTRY,
)
HINTS: Final = Counter("slipway_hints", "Hints sent to workers, repeated ones too.", registry=REGISTRY)
BROKER_FAILURES: Final = Counter("slipway_broker_failures", "Hints that the broker did not take.", registry=REGISTRY)
RECONCILE: Final = Histogram(
    "slipway_reconcile_duration_seconds", "Passes of the reconciler.", buckets=_WAITS, registry=REGISTRY
)
RECONCILED: Final = Gauge(
    "slipway_reconcile_last_end_timestamp_seconds",
    "When the last pass of the reconciler ended.",
    multiprocess_mode="max",
    registry=REGISTRY,
)


def counters_begin() -> None:
    """Let counters that alerts look at stand at 0 from the start: a first 1 out of nothing is no increase."""
    for status in LIVE_RUN:
        LEASES_LOST.labels(status)
    for operation in Operation:
        OUTCOMES.labels(operation, RunStatus.APPLIED, NO_FAILURE)
    for operation, failure_class in product(Operation, FAILURE_CLASSES):
        OUTCOMES.labels(operation, RunStatus.ERRORED, failure_class)


def run_claimed(*, pool: str, waited_seconds: float) -> None:
    """Count a claim, once it is committed."""
    _when_committed(partial(QUEUE_WAIT.labels(pool).observe, max(0.0, waited_seconds)))


def run_ended(operation: str, status: str, *, failure_class: str = NO_FAILURE) -> None:
    """Count an end of a run, once it is committed.

    Args:
        operation: What it was for.
        status: A final one.
        failure_class: Who can do something about it; ``none`` where nothing went wrong.
    """
    _when_committed(OUTCOMES.labels(operation, status, failure_class).inc)


def request_fulfilled(*, kind: str, operation: str, asked_at: datetime, ended_at: datetime) -> None:
    """Count how long somebody waited for what a run has just brought, once it is committed."""
    seconds = max(0.0, (ended_at - asked_at).total_seconds())
    _when_committed(partial(FULFILMENT.labels(kind, operation).observe, seconds))


def lease_lost(status: str) -> None:
    """Count a run that was taken from its worker in a status, once it is committed."""
    _when_committed(LEASES_LOST.labels(status).inc)


def hints_sent(runs: Sequence[Run], *, seconds: float) -> None:
    """Count hints that the broker has taken.

    Args:
        runs: With ``lag_seconds``: for how long each could have begun when it was marked; None where it was hinted at
            before.
        seconds: What it took to send all of them.
    """
    HINTS.inc(len(runs))
    for number, run in enumerate(runs, start=1):
        lag: float | None = getattr(run, "lag_seconds", None)
        if lag is not None:
            DISPATCHER_LAG.observe(max(0.0, lag) + seconds * number / len(runs))


def _when_committed(count: Callable[[], object]) -> None:
    transaction.on_commit(count, robust=True)
