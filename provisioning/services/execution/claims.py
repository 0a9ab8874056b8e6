"""Claims: a worker takes a run, and from then on every write of it names the epoch that it holds.

A write that finds no row is the proof that another took over: the writer is a zombie and stops (``LeaseLostError``).
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Func, Q, Value
from django.db.models.functions import Now
from psycopg import sql

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core import correlation
from platform_api.core.callers import Caller, system_caller
from provisioning import metrics
from provisioning.models import Run
from provisioning.models.runs import EPOCH_SEQUENCE
from provisioning.states import RUN_MOVES, RunStatus, sources

WORKER_VERSION = 1
"""What runs this worker understands; raised when a run's rows change their meaning."""


class LeaseLostError(Exception):
    """This worker's epoch is not the run's any more; whatever it still does must leave no trace."""


@dataclass(frozen=True, kw_only=True)
class LeaseTerms:
    """How long a claim holds, in seconds; by the database's clock.

    Attributes:
        lease_seconds: A worker that is silent for so long has lost its run.
        heartbeat_seconds: Between two signs of life.
        fence_seconds: Without a good answer for so long a worker stops by itself; shorter than the lease.
    """

    lease_seconds: float = 60
    heartbeat_seconds: float = 15
    fence_seconds: float = 45


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to write to one run, as long as nobody has a higher epoch."""

    run_id: UUID
    resource_id: UUID
    project_id: UUID
    team_id: UUID
    epoch: int
    owner: str
    operation: str
    attempt: int
    correlation_id: str
    traceparent: str
    status: RunStatus = RunStatus.PLANNING
    """Where the claim put it: ``planning``, or ``recovering`` after an apply that ended unclean."""

    has_applied: bool = False
    """Whether an earlier attempt began to apply, so that what is there must be found out first."""

    @property
    def caller(self) -> Caller:
        """The worker, as the audit trail names it."""
        return system_caller("worker", correlation_id=self.correlation_id)

    def bound(self) -> AbstractContextManager[None]:
        """Go on with the exchange and the trace that the run goes back to, for a while."""
        return correlation.bound(self.correlation_id, traceparent=self.traceparent)


_CLAIM = """
WITH candidate AS (
    SELECT id, CASE status WHEN 'recovering' THEN 'recovering' ELSE 'planning' END AS status FROM run
    WHERE status IN ('pending', 'recovering') AND lease_owner IS NULL
      AND pool = ANY(%(pools)s) AND not_before <= clock_timestamp()
      AND worker_min_version <= %(version)s AND (%(run_id)s::uuid IS NULL OR id = %(run_id)s::uuid)
    ORDER BY priority, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE run SET status = candidate.status, epoch = nextval('{sequence}'), lease_owner = %(owner)s, attempt = attempt + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
    deadline = clock_timestamp() + make_interval(secs => %(limit)s),
    started_at = coalesce(started_at, clock_timestamp()), failure = NULL
FROM candidate, project WHERE run.id = candidate.id AND project.id = run.project_id
RETURNING run.id, run.resource_id, run.project_id, project.team_id, run.epoch, run.operation, run.attempt,
    run.correlation_id, run.traceparent, run.status, run.plan_digest <> '' AS has_applied, run.pool,
    extract(epoch FROM clock_timestamp() - greatest(run.created_at, run.not_before))::float8
"""

_CLAIMED = (
    *("run_id", "resource_id", "project_id", "team_id", "epoch", "operation", "attempt"),
    *("correlation_id", "traceparent", "status", "has_applied"),
)


def run_claim(
    *, owner: str, pools: list[str], terms: LeaseTerms, plan_seconds: float, run_id: UUID | None = None
) -> Claim | None:
    """Take a run that waits, or one whose apply ended unclean; None where there is none to take.

    Args:
        owner: Who takes it: host, process and a random part.
        pools: Which queues this worker serves.
        terms: How long the claim holds.
        plan_seconds: Deadline of the planning that follows.
        run_id: Take this one only.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(_CLAIM.format(sequence=EPOCH_SEQUENCE)),
            {
                "pools": pools,
                "version": WORKER_VERSION,
                "run_id": run_id,
                "owner": owner,
                "lease": float(terms.lease_seconds),
                "limit": float(plan_seconds),
            },
        )
        row = cursor.fetchone()
        if row is None:
            return None
        *told, pool, waited_seconds = row
        claimed = dict(zip(_CLAIMED, told, strict=True))
        claim = Claim(owner=owner, **claimed | {"status": RunStatus(claimed["status"])})
        metrics.run_claimed(pool=pool, waited_seconds=waited_seconds)
        with claim.bound():
            run_event(claim, claim.status, after={"attempt": claim.attempt, "epoch": claim.epoch, "worker": owner})
    return claim


def fenced(claim: Claim) -> Q:
    """Return the condition that every write of a worker carries."""
    return Q(pk=claim.run_id, epoch=claim.epoch, lease_owner=claim.owner)


def run_move(claim: Claim, to: RunStatus, **changes: Any) -> None:
    """Move the claimed run on, with its audit event in the same transaction.

    Args:
        claim: The right to do so.
        to: Status to enter.
        **changes: Other columns to write in the same UPDATE.

    Raises:
        LeaseLostError: Another has taken over, or the run is not where this worker believes it to be.
    """
    with transaction.atomic(savepoint=False):
        moved = Run.objects.filter(fenced(claim), status__in=sources(RUN_MOVES, to)).update(status=to, **changes)
        if not moved:
            raise LeaseLostError
        run_event(claim, to, after=_shown(changes), failure=changes.get("failure"))


def run_write(claim: Claim, **changes: Any) -> None:
    """Write columns of the claimed run that are no status, e.g. its progress.

    Raises:
        LeaseLostError: Another has taken over.
    """
    if not Run.objects.filter(fenced(claim)).update(**changes):
        raise LeaseLostError


def run_event(
    claim: Claim, to: RunStatus, *, after: Mapping[str, Any] | None = None, failure: Mapping[str, Any] | None = None
) -> None:
    """Record a move of a run."""
    event_record(
        caller=claim.caller,
        action=f"run.{to.value}",
        object_type="run",
        object_id=claim.run_id,
        object_name=f"{claim.operation} run",
        team_id=claim.team_id,
        project_id=claim.project_id,
        after=after,
        outcome=Outcome.FAILED if failure else Outcome.SUCCEEDED,
        code=str(failure["code"]) if failure else "",
        reason=str(failure["detail"]) if failure else "",
    )


_AUDITED = frozenset({"plan_digest", "plan_summary"})


def _shown(changes: Mapping[str, Any]) -> dict[str, Any] | None:
    shown = {name: value for name, value in changes.items() if name in _AUDITED}
    return shown or None


class ClockTimestamp(Now):
    """``clock_timestamp()``: the moment itself, also within a long transaction."""

    template = "clock_timestamp()"


def seconds_from_now(seconds: float) -> Any:
    """Return the database's clock plus so many seconds, as an expression."""
    interval = Func(Value(float(seconds)), template="make_interval(secs => %(expressions)s)")
    return ClockTimestamp() + interval


RELEASED = {"lease_owner": None, "lease_until": None, "deadline": None, "hinted_at": None}
"""What a run that nobody holds has in its lease columns; its epoch stays, so that the next one is higher."""
