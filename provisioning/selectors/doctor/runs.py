"""Runs that are not final: what is read of them, and what it means."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject, Now

from platform_api.audit.models import AuditEvent
from platform_api.core.ids import Prefix, show
from platform_api.core.literals import literals
from provisioning.models import LogLine, Run
from provisioning.models.runs import RUN_FORMAT
from provisioning.selectors.doctor.findings import Finding, Holder, Verdict
from provisioning.states import CLAIMABLE_RUN, LIVE_RUN

DISPATCH_SECONDS = 30
"""A dispatcher that is there has come by at everything that is due in a fraction of this."""

CLAIM_SECONDS = 60
"""A worker that is free has taken what is due in a fraction of this."""

NOTHING = "Nothing needs to be done."
START_DISPATCHER = "Start a dispatcher: manage.py run_dispatcher"
MEND_BROKER = "Bring the Valkey at REDIS_URL back; runs begin by themselves then."


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all runs have around them.

    Attributes:
        dispatchers: How many are connected to the database.
        broker_answers: Whether the broker does.
        held: How many runs workers hold, by pool.
        queues: Order and ids of the runs that are due and that nobody holds, by pool, sorted.
    """

    dispatchers: int
    broker_answers: bool
    held: Mapping[str, int] = field(default_factory=dict)
    queues: Mapping[str, list[tuple[int, UUID]]] = field(default_factory=dict)


def runs_unfinished() -> QuerySet[Run]:
    """Return runs that are not final, by the index of those."""
    wanted = (
        *("operation", "status", "pool", "priority", "not_before", "worker_min_version", "hinted_at", "epoch"),
        *("lease_owner", "lease_until", "deadline", "attempt", "cancel_requested_at", "created_at", "started_at"),
        *("resource__name", "project__slug"),
    )
    live = Run.objects.filter(status__in=literals(LIVE_RUN)).select_related("resource", "project")
    return live.only(*wanted).annotate(now=Now()).order_by("id")


def surroundings_of(runs: Iterable[Run], *, dispatchers: int, broker_answers: bool) -> Surroundings:
    """Return what there is around these runs, which are all that are not final."""
    held, queues = Counter[str](), defaultdict[str, list[tuple[int, UUID]]](list)
    for run in runs:
        if run.lease_owner is not None:
            held[run.pool] += 1
        elif run.status in CLAIMABLE_RUN and run.not_before <= _now(run):
            queues[run.pool].append((run.priority, run.pk))
    for queue in queues.values():
        queue.sort()
    return Surroundings(dispatchers=dispatchers, broker_answers=broker_answers, held=held, queues=queues)


def run_finding(run: Run, around: Surroundings) -> Finding:
    """Return what is found of a run; its log's last line and the time of its last move are read by `lines_of`."""
    is_held = run.lease_owner is not None and run.epoch is not None
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    return Finding(
        kind="run",
        id=show(Prefix.RUN, run.pk),
        operation=run.operation,
        status=run.status,
        resource=run.resource.name,
        resource_id=show(Prefix.RESOURCE, run.resource_id),
        project=run.project.slug,
        since=run.started_at or run.created_at,
        now=_now(run),
        verdict=_judge(run, around),
        holder=Holder.of(run.lease_owner, run.epoch) if is_held and run.lease_owner and run.epoch else None,
        attempt=run.attempt,
        last_sign_at=run.lease_until - lease if run.lease_until else None,
        lease_until=run.lease_until,
        deadline=run.deadline,
    )


def lines_of(run_ids: Collection[UUID]) -> dict[UUID, tuple[datetime | None, dict[str, Any] | None]]:
    """Return of each run when it made its last move, and what its log said last."""
    lines = LogLine.objects.filter(run_id=OuterRef("pk")).order_by("-sequence")
    events = AuditEvent.objects.filter(object_type="run", object_id=OuterRef("pk")).order_by("-id")
    told = Run.objects.filter(pk__in=run_ids).values_list(
        "pk",
        Subquery(events.values("at")[:1]),
        Subquery(lines.values(told=JSONObject(at="at", line="line"))[:1]),
    )
    return {pk: (moved_at, line) for pk, moved_at, line in told.order_by("pk")}


def _now(run: Run) -> datetime:
    now: datetime = run.now  # type: ignore[attr-defined]  # annotated by runs_unfinished
    return now


def _judge(run: Run, around: Surroundings) -> Verdict:
    if run.lease_owner is not None:
        return _held(run, around)
    if run.status not in CLAIMABLE_RUN:
        return Verdict(
            code="approval",
            waits_for="a person who approves the plan",
            remedy=f"Approve it, or cancel it: {_cancel(run)}",
            needs_person=True,
        )
    return _waiting(run, around)


def _held(run: Run, around: Surroundings) -> Verdict:
    now, lease = _now(run), timedelta(seconds=settings.LEASE_SECONDS)
    if run.deadline is not None and now > run.deadline + 2 * lease:
        return Verdict(
            code="stuck",
            waits_for="its worker, which is past the deadline and does not stop",
            remedy=f"End that process. If the run does not go on within a minute: {_fail(run)}",
            needs_person=True,
        )
    if run.lease_until is not None and run.lease_until < now:
        if now - run.lease_until < timedelta(seconds=DISPATCH_SECONDS) and around.dispatchers:
            return Verdict(
                code="worker_lost", waits_for="a dispatcher, which takes it from its lost worker", remedy=NOTHING
            )
        return Verdict(
            code="worker_lost_unnoticed",
            waits_for="a dispatcher that takes it from its lost worker"
            + ("" if around.dispatchers else "; none is connected to the database"),
            remedy=START_DISPATCHER if not around.dispatchers else f"Look at the dispatcher's log; else {_fail(run)}",
            needs_person=True,
        )
    if run.deadline is not None and run.deadline < now:
        return Verdict(
            code="overdue", waits_for="its worker, which is stopping Terraform at the deadline", remedy=NOTHING
        )
    if run.cancel_requested_at is not None:
        return Verdict(
            code="stopping", waits_for="its worker, which was asked to stop and lets Terraform save", remedy=NOTHING
        )
    return Verdict(
        code="working",
        waits_for="Terraform; its worker is well",
        remedy=f"{NOTHING} To stop it: {_cancel(run)}",
    )


def _waiting(run: Run, around: Surroundings) -> Verdict:
    due_for = (_now(run) - run.not_before).total_seconds()
    if due_for < 0:
        moment = run.not_before.isoformat(timespec="seconds")
        return Verdict(code="not_yet", waits_for=f"{moment}, when it is tried again", remedy=NOTHING)
    if run.worker_min_version > RUN_FORMAT:
        return Verdict(
            code="newer_worker",
            waits_for=f"a worker that understands runs of format {run.worker_min_version}; this release: {RUN_FORMAT}",
            remedy="Finish the upgrade: start workers of the release that wrote it.",
            needs_person=True,
        )
    if not around.broker_answers:
        return Verdict(
            code="broker",
            waits_for="the broker, which does not answer",
            remedy=MEND_BROKER,
            needs_person=True,
        )
    if not around.dispatchers:
        return Verdict(
            code="dispatcher",
            waits_for="a dispatcher that tells a worker; none is connected to the database",
            remedy=START_DISPATCHER,
            needs_person=True,
        )
    held, ahead = around.held.get(run.pool, 0), _ahead(run, around)
    if due_for > CLAIM_SECONDS and not held:
        return Verdict(
            code="no_worker",
            waits_for=f"a worker of pool {run.pool}; none holds a run",
            remedy=f"Start a worker that serves it (SLIPWAY_WORKER_POOLS={run.pool}), or see that its disk has room.",
            needs_person=True,
        )
    return Verdict(
        code="worker",
        waits_for=f"a worker of pool {run.pool}; {held} runs are held there, {ahead} go before it",
        remedy=f"{NOTHING} More workers make it begin earlier.",
    )


def _ahead(run: Run, around: Surroundings) -> int:
    return bisect_left(around.queues.get(run.pool, []), (run.priority, run.pk))


def _cancel(run: Run) -> str:
    return f'POST /api/v1/runs/{show(Prefix.RUN, run.pk)}/cancel {{"reason": "…"}}'


def _fail(run: Run) -> str:
    return f'manage.py runs fail {show(Prefix.RUN, run.pk)} --reason "…"'
