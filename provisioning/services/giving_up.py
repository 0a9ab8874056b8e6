"""A platform admin's way out: a run that nothing else ends is ended from outside, whoever holds it."""

from dataclasses import replace

from django.conf import settings
from django.db import transaction

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core import correlation
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix, UnknownIdError, parse
from provisioning.models import Run
from provisioning.services.environments.advancing import environment_follow
from provisioning.services.execution.adoption import GIVEN_UP
from provisioning.services.execution.claims import RELEASED, ClockTimestamp
from provisioning.services.execution.endings import RunFailure, resource_lock
from provisioning.services.execution.outcomes import unfulfilled_settle
from provisioning.services.execution.remains import remains_unseen
from provisioning.services.execution.verifying import verify_ask
from provisioning.services.runs import RunFinalError
from provisioning.states import RUN_MOVES, ResourceStatus, RunStatus, sources

FAILURE = RunFailure(
    code=GIVEN_UP,
    kind="platform",
    detail="The platform team ended it.",
    remedy="Repeat the change, which takes over what exists, or deprovision the resource.",
)


def run_give_up(*, run: str, reason: str, caller: Caller) -> Run:
    """End a live run as ``errored``, and return it.

    A worker that holds it loses it with the next thing that it writes, and is a zombie from then on: it stops, and
    leaves no trace. Resource, request and quota are settled as after a lost worker: what an apply may have made is
    listed, and stays the resource's.

    Args:
        run: Its id.
        reason: Why, for the audit trail.
        caller: Who ends it.

    Raises:
        UnknownIdError: There is none.
        RunFinalError: It has ended.
    """
    run_id = parse(Prefix.RUN, run)
    found = Run.objects.filter(pk=run_id).only("resource_id").first()
    if found is None:
        raise UnknownIdError
    with transaction.atomic():
        resource_lock(found.resource_id)
        related = ("resource__project__team", "resource__plan", "resource__environment")
        locked = Run.objects.select_for_update(no_key=True, of=("self",)).select_related(*related).get(pk=run_id)
        own = replace(caller, correlation_id=locked.correlation_id)
        if locked.status not in sources(RUN_MOVES, RunStatus.ERRORED):
            msg = f"It is {locked.status}."
            raise RunFinalError(msg, tenant=locked.resource.project.tenant)
        with correlation.bound(locked.correlation_id, traceparent=locked.traceparent):
            _end(own, locked, reason)
    environment_follow(environment_id=locked.resource.environment_id, caller=own)
    return Run.objects.select_related("resource").get(pk=run_id)


def _end(caller: Caller, run: Run, reason: str) -> None:
    has_applied = run.plan_digest != "" or run.status in {RunStatus.APPLYING, RunStatus.RECOVERING}
    usable = run.resource.status == ResourceStatus.READY and not has_applied
    failure = replace(
        FAILURE, objects_left=remains_unseen(run_id=run.pk, resource_id=run.resource_id) if has_applied else ()
    )
    if has_applied and run.lease_owner is not None:  # its worker may do something yet before it notices
        verify_ask(caller=caller, resource_id=run.resource_id, seconds=settings.VERIFY_SECONDS)
    Run.objects.filter(pk=run.pk).update(
        status=RunStatus.ERRORED,
        failure=failure.as_json(resource_usable=usable),
        finished_at=ClockTimestamp(),
        **RELEASED,
    )
    event_record(
        caller=caller,
        action="run.errored",
        object_type="run",
        object_id=run.pk,
        object_name=f"{run.operation} run",
        team_id=run.resource.project.team_id,
        project_id=run.project_id,
        before={"status": run.status, "worker": run.lease_owner, "epoch": run.epoch},
        outcome=Outcome.FAILED,
        code=failure.code,
        reason=reason,
    )
    unfulfilled_settle(caller, run, failure, has_applied=has_applied, resource_usable=usable, is_canceled=False)
