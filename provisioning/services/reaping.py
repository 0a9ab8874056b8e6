"""Runs whose workers are lost are taken from them: what becomes of each follows from how far it was."""

import logging
from dataclasses import replace
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core import correlation
from platform_api.core.callers import Caller
from platform_api.core.failpoints import failpoint
from provisioning import metrics
from provisioning.models import Run
from provisioning.services.execution.adoption import WORKER_LOST
from provisioning.services.execution.claims import RELEASED, ClockTimestamp
from provisioning.services.execution.endings import RunFailure, resource_lock
from provisioning.services.execution.limits import MAX_ATTEMPTS, MAX_RECOVERIES
from provisioning.services.execution.outcomes import canceled, unfulfilled_settle, way_told
from provisioning.services.execution.remains import remains_unseen
from provisioning.services.execution.verifying import verify_ask
from provisioning.states import RUN_MOVES, ResourceStatus, RunStatus, sources

logger = logging.getLogger(__name__)

_WAY_BACK = {
    RunStatus.PLANNING: RunStatus.PENDING,
    RunStatus.APPLYING: RunStatus.RECOVERING,
    RunStatus.RECOVERING: RunStatus.RECOVERING,
}
"""Where the next worker takes a lost run up."""

LOST = RunFailure(
    code=WORKER_LOST,
    kind="platform",
    detail="The worker was lost while Terraform worked; what it had begun may be half done.",
    remedy="Nothing has to be mended first.",
)


def runs_lost() -> QuerySet[Run]:
    """Return runs whose workers have given no sign of life for a whole lease."""
    # Whoever holds one says so, and has an end of its lease: there are as many as workers work on, however many wait.
    return Run.objects.filter(lease_owner__isnull=False, lease_until__lt=ClockTimestamp())


def run_reap(*, run_id: UUID, resource_id: UUID, caller: Caller) -> bool:
    """Take a run from a lost worker; False where it is not lost any more.

    * planning has no side effects: back to the queue, or ``errored`` when the attempts are used up, or ``canceled``;
    * what waits between two steps of one worker, which no commit shows: ``errored``, for it has no way back;
    * applying may have done anything: ``recovering``, for another worker to find out, and the resource is looked at
      again later; or ``errored`` when the attempts are used up, with all that exists or may exist.

    Args:
        run_id: The run.
        resource_id: Its resource, which is locked first.
        caller: Who takes it.
    """
    with transaction.atomic():
        resource_lock(resource_id)
        rows = runs_lost().select_for_update(no_key=True, of=("self",))
        run = rows.select_related("resource__project__team", "resource__plan", "resource__environment").filter(
            pk=run_id
        )
        if (lost := run.first()) is None:
            return False
        with correlation.bound(lost.correlation_id, traceparent=lost.traceparent):
            logger.warning("run %s: its worker %s is lost", lost.pk, lost.lease_owner)
            failpoint("reaper.in_transaction")
            metrics.lease_lost(lost.status)
            _settle(replace(caller, correlation_id=lost.correlation_id), lost)
    return True


def _settle(caller: Caller, lost: Run) -> None:
    """Decide what becomes of a run that was taken from its worker."""
    has_applied = lost.plan_digest != "" or lost.status in {RunStatus.APPLYING, RunStatus.RECOVERING}
    attempts = MAX_ATTEMPTS + (MAX_RECOVERIES if has_applied else 0)
    if has_applied:
        verify_ask(caller=caller, resource_id=lost.resource_id, seconds=settings.VERIFY_SECONDS)
    if lost.cancel_requested_at is not None and not has_applied:
        _give_up(caller, lost, canceled(), has_applied=False, is_canceled=True)
    elif lost.attempt < attempts and lost.status in _WAY_BACK:
        _move(caller, lost, _WAY_BACK[RunStatus(lost.status)], not_before=ClockTimestamp(), steps=[])
    else:
        left = remains_unseen(run_id=lost.pk, resource_id=lost.resource_id) if has_applied else ()
        _give_up(caller, lost, replace(LOST, objects_left=left), has_applied=has_applied, is_canceled=False)


def _give_up(caller: Caller, run: Run, failure: RunFailure, *, has_applied: bool, is_canceled: bool) -> None:
    usable = run.resource.status == ResourceStatus.READY and not has_applied
    failure = way_told(failure, run)
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
