"""Claims: a worker takes a run, and from then on every write of it names the epoch that it holds.

A write that finds no row is the proof that another took over: the writer is a zombie and stops (``LeaseLostError``).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Func, Q, Value
from django.db.models.functions import Now

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core import correlation
from platform_api.core.callers import Caller, system_caller
from platform_api.core.ids import new_id
from platform_api.core.literals import listed
from platform_api.core.statements import statement_run
from provisioning import metrics
from provisioning.models import Run
from provisioning.models.runs import EPOCH_SEQUENCE
from provisioning.states import CLAIMABLE_RUN, RUN_MOVES, RunStatus, sources

WORKER = "worker"
"""How the audit trail names who carries runs out."""

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
        return system_caller(WORKER, correlation_id=self.correlation_id)

    def bound(self) -> AbstractContextManager[None]:
        """Go on with the exchange and the trace that the run goes back to, for a while."""
        return correlation.bound(self.correlation_id, traceparent=self.traceparent)


_WAITS = f"""
    status IN {listed(CLAIMABLE_RUN)} AND lease_owner IS NULL AND not_before <= clock_timestamp()
    AND worker_min_version <= %(version)s::int
"""

# One of each pool, from the front of the pool's queue; of these the first. Over all pools at once no index has the
# order, and all that waits would be sorted for each claim.
_ANY = f"""
    SELECT front.* FROM unnest(%(pools)s::text[]) AS served (pool) CROSS JOIN LATERAL (
        SELECT id, status, priority FROM run WHERE run.pool = served.pool AND {_WAITS}
        ORDER BY priority, id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS front
    ORDER BY priority, id LIMIT 1
"""  # noqa: S608 - the words are ours

_THIS = f"""
    SELECT id, status FROM run WHERE id = %(run_id)s::uuid AND pool = ANY(%(pools)s::text[]) AND {_WAITS}
    FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - as above

# With its event, as one statement: one round trip and no transaction around it, in which a worker that is stopped would
# hold a run that nobody sees taken. A test compares the event with what ``event_record`` would write.
_CLAIM = """
WITH candidate AS MATERIALIZED ({candidate}),
claimed AS (
    UPDATE run SET status = CASE candidate.status WHEN 'recovering' THEN 'recovering' ELSE 'planning' END,
        epoch = nextval('{sequence}'), lease_owner = %(owner)s::text, attempt = attempt + 1,
        lease_until = clock_timestamp() + make_interval(secs => %(lease)s::float8),
        deadline = clock_timestamp() + make_interval(secs => %(limit)s::float8),
        started_at = coalesce(started_at, clock_timestamp()), failure = NULL
    FROM candidate, project WHERE run.id = candidate.id AND project.id = run.project_id
    RETURNING run.id, run.resource_id, run.project_id, project.team_id, run.epoch, run.operation, run.attempt,
        run.correlation_id, run.traceparent, run.status, run.plan_digest <> '' AS has_applied, run.pool,
        extract(epoch FROM clock_timestamp() - greatest(run.created_at, run.not_before))::float8
),
event AS (
    INSERT INTO audit_event (id, team_id, project_id, actor_name, actor_kind, auth_method, correlation_id, trace_id,
        action, object_type, object_id, object_name, after, outcome, code, reason)
    SELECT %(event_id)s::uuid, team_id, project_id, %(actor_name)s::text, %(actor_kind)s::text, %(auth_method)s::text,
        correlation_id, coalesce(nullif(substr(traceparent, 4, 32), ''), replace(gen_random_uuid()::text, '-', '')),
        'run.' || status, 'run', id, operation || ' run',
        jsonb_build_object('attempt', attempt, 'epoch', epoch, 'worker', %(owner)s::text), 'succeeded', '', ''
    FROM claimed
)
SELECT * FROM claimed
"""
_CLAIM_ANY, _CLAIM_THIS = (_CLAIM.format(candidate=each, sequence=EPOCH_SEQUENCE) for each in (_ANY, _THIS))

_CLAIMED = (
    *("run_id", "resource_id", "project_id", "team_id", "epoch", "operation", "attempt"),
    *("correlation_id", "traceparent", "status", "has_applied"),
)


def run_claim(
    *, owner: str, pools: Sequence[str], terms: LeaseTerms, plan_seconds: float, run_id: UUID | None = None
) -> Claim | None:
    """Take a run that waits, or one whose apply ended unclean; None where there is none to take.

    Args:
        owner: Who takes it: host, process and a random part.
        pools: Which queues this worker serves, by the names of their pools.
        terms: How long the claim holds.
        plan_seconds: Deadline of the planning that follows.
        run_id: Take this one only.
    """
    worker = system_caller(WORKER)
    values = {
        "pools": f"{{{','.join(pools)}}}",  # names of pools have nothing that an array's text would quote
        "version": WORKER_VERSION,
        "run_id": run_id,
        "owner": owner,
        "lease": float(terms.lease_seconds),
        "limit": float(plan_seconds),
        "event_id": new_id(),
        "actor_name": worker.name,
        "actor_kind": worker.kind.value,
        "auth_method": worker.auth_method,
    }
    rows = statement_run(_CLAIM_THIS if run_id else _CLAIM_ANY, values)
    if not rows:
        return None
    *told, pool, waited_seconds = rows[0]
    claimed = dict(zip(_CLAIMED, told, strict=True))
    metrics.run_claimed(pool=pool, waited_seconds=waited_seconds)
    return Claim(owner=owner, **claimed | {"status": RunStatus(claimed["status"])})


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
