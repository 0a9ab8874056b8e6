"""After a worker was overtaken it is looked, some time later, for what it may have done late; and that is put right.

A verify run plans what its resource shall be. Nothing to do is the usual end; else the difference is applied, unless
that would lose data. Of a resource that is gone it takes over what is there by name, and takes it down.
"""

from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest

from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.ids import new_id
from provisioning.dispatch import runs_notify
from provisioning.models import Resource
from provisioning.services.execution.claims import seconds_from_now
from provisioning.services.execution.endings import resource_lock
from provisioning.states import LIVE_RESOURCE, Operation, RunStatus

PRIORITY = 200
"""Behind whatever somebody waits for."""

_IS_DUE = """
    resource.verify_at <= clock_timestamp() AND resource.verify_at > clock_timestamp() - interval '7 days'
    AND (resource.status = 'deprovisioned' OR (resource.status = 'ready' AND resource.desired = 'present'))
    AND NOT EXISTS (
        SELECT FROM run WHERE run.resource_id = resource.id
        AND (run.finished_at IS NULL OR (run.operation = 'verify' AND run.created_at >= resource.verify_at))
    )
"""
# Rows of what is gone cannot change, so that a run that was made since says that the look was taken.

_DUE = f"SELECT id FROM resource WHERE {_IS_DUE} ORDER BY verify_at"  # noqa: S608 - our own words

# What is there is as its row says; what is gone was last touched by the newest run that began to apply.
_INSERT = f"""
INSERT INTO run (id, resource_id, project_id, operation, status, generation, offering_version_id, plan_id, parameters,
    pool, priority, not_before, worker_min_version, attempt, cancel_reason, steps, plan_digest, correlation_id,
    traceparent, created_at)
SELECT %(id)s::uuid, resource.id, resource.project_id, 'verify', 'pending', resource.generation,
    CASE WHEN is_gone THEN last.offering_version_id ELSE resource.offering_version_id END,
    CASE WHEN is_gone THEN last.plan_id ELSE resource.plan_id END,
    CASE WHEN is_gone THEN last.parameters ELSE resource.parameters END,
    last.pool, %(priority)s, clock_timestamp(), last.worker_min_version, 0, '', '[]', '', last.correlation_id,
    last.traceparent, clock_timestamp()
FROM resource, LATERAL (SELECT resource.status = 'deprovisioned' AS is_gone) AS told, LATERAL (
    SELECT * FROM run WHERE run.resource_id = resource.id AND operation <> 'verify' AND plan_digest <> ''
    ORDER BY run.created_at DESC LIMIT 1
) AS last
WHERE resource.id = %(resource)s::uuid AND (%(at_once)s OR ({_IS_DUE}))
ON CONFLICT DO NOTHING
RETURNING id
"""  # noqa: S608 - our own words


def verify_ask(*, caller: Caller, resource_id: UUID, seconds: float) -> None:
    """Have a resource looked at again, in the present transaction, which has locked it.

    Args:
        caller: Who asks, for the audit trail.
        resource_id: The resource.
        seconds: When, from now; what is gone already is looked at at once, for its row cannot be written any more.
    """
    at = seconds_from_now(seconds)
    live = Resource.objects.filter(pk=resource_id, status__in=LIVE_RESOURCE)
    if not live.update(verify_at=Greatest(Coalesce(F("verify_at"), at), at)):
        _insert(caller, resource_id, at_once=True)


def resources_to_verify() -> list[UUID]:
    """Return the resources whose look is due, those longest due first; what a run works on waits."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE)
        return [resource for (resource,) in cursor.fetchall()]


def run_make_verify(*, resource_id: UUID, caller: Caller) -> UUID | None:
    """Make the run that looks at a resource, or return None where that is not due any more.

    Args:
        resource_id: The resource.
        caller: Who makes it, for the audit trail.
    """
    with transaction.atomic():
        resource_lock(resource_id)
        return _insert(caller, resource_id, at_once=False)


def _insert(caller: Caller, resource_id: UUID, *, at_once: bool) -> UUID | None:
    run_id = new_id()
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {"id": run_id, "resource": resource_id, "priority": PRIORITY, "at_once": at_once},
        )
        if cursor.fetchone() is None:
            return None
    resource = Resource.objects.select_related("project").get(pk=resource_id)
    event_record(
        caller=caller,
        action=f"run.{RunStatus.PENDING.value}",
        object_type="run",
        object_id=run_id,
        object_name=f"{Operation.VERIFY.value} run",
        team_id=resource.project.team_id,
        project_id=resource.project_id,
    )
    runs_notify()
    return run_id
