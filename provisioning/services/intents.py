"""Runs are made from intent: the newest request of a resource has a run, or gets one."""

from dataclasses import replace
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.ids import new_id
from provisioning.models import ProvisioningRequest, Run
from provisioning.states import LIVE_REQUEST, LIVE_RUN, RequestStatus, RunStatus

_INSERT = """
INSERT INTO run (id, resource_id, provisioning_request_id, project_id, operation, status, generation,
    offering_version_id, plan_id, parameters, pool, priority, not_before, worker_min_version, attempt, cancel_reason,
    steps, plan_digest, correlation_id, created_at)
SELECT %(id)s::uuid, resource_id, id, project_id, operation, %(status)s, generation, offering_version_id, plan_id,
    parameters, 'default', 100, clock_timestamp(), 1, 0, '', '[]', '', correlation_id, clock_timestamp()
FROM provisioning_request WHERE id = %(request)s::uuid
ON CONFLICT DO NOTHING
"""


def run_make_missing(*, resource_id: UUID, caller: Caller) -> UUID | None:
    """Make the run that a resource's newest intent lacks; None where it has one, or another run is live.

    Safe to race: of two that try, one makes it, by the constraint that a resource has one live run.

    Args:
        resource_id: The resource.
        caller: Who makes it, for the audit trail.
    """
    runs = Run.objects.filter(resource_id=resource_id)
    wanted = (
        ProvisioningRequest.objects.filter(resource_id=resource_id, status=RequestStatus.FULFILLING)
        .filter(~Exists(runs.filter(provisioning_request_id=OuterRef("pk"))), ~Exists(runs.filter(status__in=LIVE_RUN)))
        .select_related("resource__project")
        .order_by("-generation")
        .first()
    )
    if wanted is None:
        return None
    run_id = new_id()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_INSERT, {"id": run_id, "status": RunStatus.PENDING.value, "request": wanted.pk})
        if not cursor.rowcount:
            return None
        event_record(
            caller=replace(caller, correlation_id=wanted.correlation_id),
            action="run.pending",
            object_type="run",
            object_id=run_id,
            object_name=f"{wanted.operation} run",
            team_id=wanted.resource.project.team_id,
            project_id=wanted.project_id,
        )
    return run_id


def resources_without_run() -> list[UUID]:
    """Return resources whose newest intent has no run, though none is live; what the reconciler makes up for."""
    runs = Run.objects.filter(resource_id=OuterRef("resource_id"))
    return list(
        ProvisioningRequest.objects.filter(status__in=LIVE_REQUEST - {RequestStatus.PENDING_APPROVAL})
        .filter(~Exists(runs.filter(provisioning_request_id=OuterRef("pk"))), ~Exists(runs.filter(status__in=LIVE_RUN)))
        .values_list("resource_id", flat=True)
        .distinct()[:100]
    )
