"""Runs are canceled: at once while they wait, politely while they work."""

from django.db import transaction

from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError
from platform_api.tenancy.models.roles import Right
from platform_api.tenancy.selectors.projects import right_require
from provisioning.models import Run
from provisioning.selectors.resources import run_get
from provisioning.services.environments.advancing import environment_follow
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.endings import RunFailure, resource_lock
from provisioning.services.execution.outcomes import CANCELED, unfulfilled_settle, way_told
from provisioning.states import FINAL_RUN, WAITING_RUN, ResourceStatus, RunStatus


class RunFinalError(ConflictError):
    """It has ended already."""

    code = "already_final"
    title = "The run has ended already"


STOPPED = RunFailure(code=CANCELED, kind="user", detail="It was canceled before it began.", remedy="")


def run_cancel(*, caller: Caller, run: str, reason: str) -> Run:
    """Ask a run to stop, and return it as it stands now.

    A run that nobody holds is canceled at once. One that a worker holds is told by its lease; an apply may still
    finish, because stopping Terraform half way would leave more behind than letting it end.

    Args:
        caller: Who asks; needs the right to order.
        run: Its id.
        reason: Why, for the audit trail.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
        RoleMissingError: The caller may not order there.
        RunFinalError: It has ended.
    """
    found = run_get(caller=caller, run=run)
    with transaction.atomic():
        resource_lock(found.resource_id)
        locked = (
            Run.objects.select_for_update(no_key=True, of=("self",))
            .select_related("resource__project__team", "resource__plan")
            .get(pk=found.pk)
        )
        project = locked.resource.project
        right_require(
            caller=caller,
            right=Right.ORDER,
            team_id=project.team_id,
            project_id=project.pk,
            where=project.slug,
        )
        if locked.status in FINAL_RUN:
            msg = f"It is {locked.status}."
            raise RunFinalError(msg, tenant=project.tenant)
        is_waiting = locked.status in WAITING_RUN and locked.lease_owner is None
        event_record(
            caller=caller,
            action="run.canceled" if is_waiting else "run.cancel_requested",
            object_type="run",
            object_id=locked.pk,
            object_name=f"{locked.operation} run",
            team_id=project.team_id,
            project_id=project.pk,
            reason=reason,
        )
        if is_waiting:
            usable, failure = locked.resource.status == ResourceStatus.READY, way_told(STOPPED, locked)
            Run.objects.filter(pk=locked.pk).update(
                status=RunStatus.CANCELED,
                cancel_requested_at=ClockTimestamp(),
                cancel_reason=reason,
                failure=failure.as_json(resource_usable=usable),
                finished_at=ClockTimestamp(),
            )
            unfulfilled_settle(caller, locked, failure, has_applied=False, resource_usable=usable, is_canceled=True)
        elif locked.cancel_requested_at is None:
            Run.objects.filter(pk=locked.pk).update(cancel_requested_at=ClockTimestamp(), cancel_reason=reason)
    environment_follow(environment_id=locked.resource.environment_id, caller=caller)
    found.refresh_from_db()
    return found
