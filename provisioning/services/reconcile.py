"""What the dispatcher does besides sending hints: it comes back for what others left, level by level, from rows alone.

Any number of dispatchers may run: what there is to do is found without locks, and judged again under those of the piece
at hand. Each piece commits by itself, for its locks (resource, run, quotas) are taken in one order and those of two
pieces could not be. One that fails is logged, met again by the next pass, and stops no other.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core import correlation
from platform_api.core.callers import Caller, system_caller
from platform_api.idempotency.services.keys import keys_sweep
from provisioning.models import Run
from provisioning.services.environments.advancing import environment_advance, environments_unadvanced
from provisioning.services.environments.closing import (
    environment_expire,
    environment_repeat,
    environments_expired,
    environments_unasked,
)
from provisioning.services.execution.adoption import WORKER_LOST
from provisioning.services.execution.carrying import MAX_ATTEMPTS
from provisioning.services.execution.claims import RELEASED, ClockTimestamp
from provisioning.services.execution.endings import RunFailure, resource_lock
from provisioning.services.execution.outcomes import canceled, unfulfilled_settle
from provisioning.services.execution.records import objects_left_unseen
from provisioning.services.intents import resources_without_run, run_make_missing
from provisioning.states import LEASED_RUN, RUN_MOVES, WAITING_RUN, ResourceStatus, RunStatus, sources

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

BATCH = 50
"""Pieces of one kind that a pass sets right, so that it stays short; the next pass takes the next."""

HINT_SECONDS = 10
"""A run is hinted at so often at most: a worker that has not taken it by then has lost the hint."""

# One statement, because each round trip stands between an order and its worker.
_TO_HINT = """
UPDATE run SET hinted_at = clock_timestamp() WHERE id IN (
    SELECT id FROM run
    WHERE status = 'pending' AND not_before <= clock_timestamp()
      AND (hinted_at IS NULL OR hinted_at <= clock_timestamp() - make_interval(secs => %(hint_seconds)s))
    ORDER BY priority, id
    LIMIT greatest(0, %(slots)s - (
        SELECT count(*) FROM run WHERE status = 'pending' AND not_before <= clock_timestamp()
          AND hinted_at > clock_timestamp() - make_interval(secs => %(hint_seconds)s)))
    FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING id, priority, correlation_id, traceparent
"""

LOST = RunFailure(
    code=WORKER_LOST,
    kind="platform",
    detail="The worker was lost while Terraform worked; what it had begun may be half done.",
    remedy="Repeat the change, which takes over what exists, or deprovision the resource.",
)


def reconcile() -> int:
    """Make one pass, and return how many things it set right; keys that nobody repeats any more are forgotten."""
    caller = system_caller("dispatcher")
    lost = dict(_lost().values_list("pk", "resource_id").order_by("pk"))
    return (
        _each(lost, lambda pk: _reap(caller, pk, lost[pk]), what="run %s could not be taken from its worker")
        + _each(
            environments_expired(),
            lambda pk: environment_expire(environment_id=pk, caller=caller),
            what="environment %s has expired and could not be given back",
        )
        + _each(
            environments_unasked(),
            lambda pk: environment_repeat(environment_id=pk, caller=caller),
            what="environment %s is to go and could not be given back",
        )
        + _each(environments_unadvanced(), lambda pk: _advance(caller, pk), what="environment %s could not go on")
        + _each(resources_without_run(), lambda pk: _make(caller, pk), what="resource %s could not get its run")
        + keys_sweep()
    )


def _each(items: Iterable[Item], do: Callable[[Item], bool], *, what: str) -> int:
    def is_done(item: Item) -> bool:
        try:
            return do(item)
        except Exception:
            logger.exception(what, item)
            return False

    # Those that fail do not count: so many of them cannot keep a pass from what comes after them.
    return len(list(islice(filter(is_done, items), BATCH)))


def _lost() -> QuerySet[Run]:
    """Return runs whose workers have given no sign of life for a whole lease."""
    return Run.objects.filter(
        Q(status__in=LEASED_RUN) | Q(status__in=WAITING_RUN, lease_owner__isnull=False),
        Q(lease_until__lt=ClockTimestamp()) | Q(lease_until=None, status=RunStatus.RECOVERING),
    )


def _reap(caller: Caller, run_id: UUID, resource_id: UUID) -> bool:
    """Take a run from a lost worker; False where it is not lost any more.

    * planning has no side effects: back to the queue, or ``errored`` when the attempts are used up, or ``canceled``;
    * what waits between two steps of one worker, which no commit shows: ``errored``, for it has no way back;
    * applying may have done anything: through ``recovering`` to ``errored``, with what the newest state knows.
    """
    with transaction.atomic():
        resource_lock(resource_id)
        rows = _lost().select_for_update(no_key=True, of=("self",))
        run = rows.select_related("resource__project__team", "resource__plan", "resource__environment").filter(
            pk=run_id
        )
        if (lost := run.first()) is None:
            return False
        with correlation.bound(lost.correlation_id, traceparent=lost.traceparent):
            logger.warning("run %s: its worker %s is lost", lost.pk, lost.lease_owner)
            _settle(replace(caller, correlation_id=lost.correlation_id), lost)
    return True


def _settle(caller: Caller, lost: Run) -> None:
    """Decide what becomes of a run that was taken from its worker."""
    has_applied = lost.status in {RunStatus.APPLYING, RunStatus.RECOVERING}
    if lost.cancel_requested_at is not None and not has_applied:
        _give_up(caller, lost, canceled(), has_applied=False, is_canceled=True)
    elif lost.status == RunStatus.PLANNING and lost.attempt < MAX_ATTEMPTS:
        _move(caller, lost, RunStatus.PENDING, not_before=ClockTimestamp(), steps=[])
    else:
        # An apply that was lost may have made what no state tells of: the resource is never taken for gone.
        left = objects_left_unseen(lost.resource_id) if has_applied else ()
        _give_up(caller, lost, replace(LOST, objects_left=left), has_applied=has_applied, is_canceled=False)


def _give_up(caller: Caller, run: Run, failure: RunFailure, *, has_applied: bool, is_canceled: bool) -> None:
    usable = run.resource.status == ResourceStatus.READY and not has_applied
    if run.status == RunStatus.APPLYING:
        _move(caller, run, RunStatus.RECOVERING)
    to = RunStatus.CANCELED if is_canceled else RunStatus.ERRORED
    _move(caller, run, to, failure=failure.as_json(resource_usable=usable), finished_at=ClockTimestamp())
    unfulfilled_settle(caller, run, failure, has_applied=has_applied, resource_usable=usable, is_canceled=is_canceled)


def _move(caller: Caller, run: Run, to: RunStatus, **changes: object) -> None:
    """Move a run that this pass has locked, and has seen expired."""
    moved = Run.objects.filter(pk=run.pk, epoch=run.epoch, status__in=sources(RUN_MOVES, to)).update(
        status=to, **RELEASED, **changes
    )
    if not moved:
        msg = f"run {run.pk} is locked and yet moved"
        raise RuntimeError(msg)
    failure = changes.get("failure")
    event_record(
        caller=caller,
        action=f"run.{to.value}",
        object_type="run",
        object_id=run.pk,
        object_name=f"{run.operation} run",
        team_id=run.resource.project.team_id,
        project_id=run.project_id,
        before={"status": run.status, "worker": run.lease_owner, "epoch": run.epoch},
        outcome=Outcome.FAILED if failure else Outcome.SUCCEEDED,
        code=LOST.code,
        reason=LOST.detail,
    )


def _advance(caller: Caller, environment_id: UUID) -> bool:
    environment_advance(environment_id=environment_id, caller=caller)
    return True


def _make(caller: Caller, resource_id: UUID) -> bool:
    return run_make_missing(resource_id=resource_id, caller=caller) is not None


def runs_to_hint(*, slots: int) -> list[Run]:
    """Mark and return waiting runs that workers shall be told of.

    Args:
        slots: Hints that may be on their way at once: what the workers can take. More would only pile up in the broker.
    """
    values = {"slots": slots, "hint_seconds": float(HINT_SECONDS)}
    return sorted(Run.objects.raw(_TO_HINT, values), key=lambda run: (run.priority, run.pk))


def runs_unhint(runs: Sequence[Run]) -> None:
    """Forget the marks of runs that no worker was told of after all, so that the next sweep tells of them again."""
    Run.objects.filter(pk__in=[run.pk for run in runs], status=RunStatus.PENDING).update(hinted_at=None)
