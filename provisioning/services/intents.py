"""Runs are made from intent: the newest request of a resource has a run, or gets one when its turn has come.

Whose turn it is stands here and nowhere else. A component is made when all that it needs are ready, with their outputs
wired into its parameters; it is given back when nothing is left that needs it.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from catalog.selectors.orderables import judge_of
from platform_api.audit.services.events import event_record
from platform_api.core import correlation
from platform_api.core.callers import Caller
from platform_api.core.ids import new_id
from platform_api.core.judgement import Finding
from platform_api.core.literals import literal, literals
from provisioning.models import ComponentNeed, ProvisioningRequest, Resource, Run
from provisioning.models.runs import RUN_FORMAT
from provisioning.services.execution.endings import RunFailure, resource_lock, unbegun_end
from provisioning.states import LIVE_RESOURCE, LIVE_RUN, Desired, Operation, RequestStatus, ResourceStatus, RunStatus

# What takes everything down goes by the newest run that began to apply: after an update that broke off, objects of the
# new version are there, and the resource's row still tells of the old one.
_INSERT = """
INSERT INTO run (id, resource_id, provisioning_request_id, project_id, operation, status, generation,
    offering_version_id, plan_id, parameters, pool, priority, not_before, worker_min_version, attempt, cancel_reason,
    steps, plan_digest, correlation_id, traceparent, created_at)
SELECT %(id)s::uuid, asked.resource_id, asked.id, asked.project_id, asked.operation, %(status)s, asked.generation,
    coalesce(begun.offering_version_id, asked.offering_version_id), coalesce(begun.plan_id, asked.plan_id),
    coalesce(begun.parameters, asked.parameters), connection.pool, 100, clock_timestamp(), %(format)s, 0, '', '[]', '',
    asked.correlation_id, asked.traceparent, clock_timestamp()
FROM provisioning_request AS asked
JOIN resource ON resource.id = asked.resource_id
JOIN connection ON connection.id = resource.connection_id
LEFT JOIN LATERAL (
    SELECT offering_version_id, plan_id, parameters FROM run
    WHERE asked.operation = 'deprovision' AND run.resource_id = asked.resource_id AND plan_digest <> ''
    ORDER BY run.created_at DESC LIMIT 1
) AS begun ON true
WHERE asked.id = %(request)s::uuid
ON CONFLICT DO NOTHING
"""

_LACKS_A_RUN = """
SELECT EXISTS (
    SELECT FROM provisioning_request AS request WHERE resource_id = %(resource)s::uuid AND status = %(status)s
    AND NOT EXISTS (SELECT FROM run WHERE run.provisioning_request_id = request.id)
)
"""

_NEEDS_UNREADY = Exists(
    ComponentNeed.objects.filter(component=OuterRef("resource_id")).exclude(
        needed__resource__status=ResourceStatus.READY, needed__resource__desired=Desired.PRESENT
    )
)
_DEPENDANTS_LEFT = Exists(
    ComponentNeed.objects.filter(needed=OuterRef("resource_id"), component__resource__status__in=LIVE_RESOURCE)
)
WAITS = Q(Q(operation=Operation.PROVISION) & _NEEDS_UNREADY) | Q(Q(operation=Operation.DEPROVISION) & _DEPENDANTS_LEFT)
"""Whether a request has to wait for other components of its environment."""


def _without_run() -> QuerySet[ProvisioningRequest]:
    """Return requests that want a run and have none, of resources that no run works on.

    Words are literal, so that what has ended is not gone through: what is under way has an index of its own, and so has
    whether a resource has a live run.
    """
    runs = Run.objects.filter(resource_id=OuterRef("resource_id"))
    return ProvisioningRequest.objects.filter(status=literal(RequestStatus.FULFILLING)).filter(
        ~Exists(runs.filter(status__in=literals(LIVE_RUN))),
        ~Exists(runs.filter(provisioning_request_id=OuterRef("pk"))),
    )


def run_make_missing(*, resource_id: UUID, caller: Caller) -> UUID | None:
    """Make the run that a resource's newest intent lacks.

    Safe to race: of two that try, one makes it, by the lock of the resource and by the constraint that it has one live
    run. A component whose wired parameters turn out not to fit its plan ends here, without a run.

    Args:
        resource_id: The resource.
        caller: Who makes it, for the audit trail.

    Returns:
        The run; None where the intent has one, another run is live, or it has to wait for other components.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        resource_lock(resource_id)
        # Asked at the end of every run, and nearly always in vain: the whole question costs ten times as much.
        cursor.execute(_LACKS_A_RUN, {"resource": resource_id, "status": RequestStatus.FULFILLING.value})
        if cursor.fetchone() == (False,):
            return None
        wanted = (
            _without_run()
            .filter(resource_id=resource_id)
            .annotate(waits=ExpressionWrapper(WAITS, output_field=BooleanField()))
            .select_related("resource__project", "offering_version", "plan")
            .order_by("-generation")
            .first()
        )
        if wanted is None or wanted.waits:
            return None
        own = replace(caller, correlation_id=wanted.correlation_id)
        if wanted.operation == Operation.PROVISION and not _wired(own, wanted):
            return None
        run_id = new_id()
        cursor.execute(
            _INSERT,
            {"id": run_id, "status": RunStatus.PENDING.value, "request": wanted.pk, "format": RUN_FORMAT},
        )
        if not cursor.rowcount:
            return None
        with correlation.bound(wanted.correlation_id, traceparent=wanted.traceparent):
            event_record(
                caller=own,
                action="run.pending",
                object_type="run",
                object_id=run_id,
                object_name=f"{wanted.operation} run",
                team_id=wanted.resource.project.team_id,
                project_id=wanted.project_id,
            )
    return run_id


def _wired(caller: Caller, wanted: ProvisioningRequest) -> bool:
    """Put the outputs of what a component needs into its parameters; False where they do not fit, and it has ended."""
    needs = ComponentNeed.objects.filter(component=wanted.resource_id).select_related("needed__resource")
    values, sources = dict[str, Any](), dict[str, str]()
    for need in needs:
        for parameter, output in need.takes.items():
            values[parameter] = (need.needed.resource.outputs or {}).get(output)
            sources[parameter] = f"{need.needed.name}.outputs.{output}"
    if not values:
        return True
    parameters = {**wanted.parameters, **values}
    findings = judge_of(version=wanted.offering_version, plan=wanted.plan).judge(parameters)
    if findings:
        unbegun_end(caller, wanted.resource, RequestStatus.FAILED, _unfit(findings, sources))
        return False
    # The resource gets them too: whatever comes of the run, a deprovision has to know all parameters.
    Resource.objects.filter(pk=wanted.resource_id).update(parameters=parameters)
    ProvisioningRequest.objects.filter(pk=wanted.pk).update(parameters=parameters)
    return True


def _unfit(findings: list[Finding], sources: dict[str, str]) -> RunFailure:
    told = []
    for finding in findings:
        name = finding["pointer"].split("/")[2]
        origin = f" (from {sources[name]})" if name in sources else ""
        told.append(f"{name}{origin}: {finding['detail']}")
    return RunFailure(
        code="wiring_unfit",
        kind="permanent",
        detail=" ".join(["What it takes of others does not fit.", *told]),
        remedy="Tell the offering's owner, who wired it so; delete the environment meanwhile.",
    )


def resources_without_run() -> list[UUID]:
    """Return resources whose turn it is, and that have no run; what the reconciler makes up for."""
    return list(_without_run().exclude(WAITS).order_by("resource_id").values_list("resource_id", flat=True).distinct())


def components_due(environment_id: UUID) -> list[UUID]:
    """Return the same of one environment, in the order of needs."""
    due = _without_run().exclude(WAITS).filter(environment_id=environment_id)
    return list(due.order_by("resource_id").values_list("resource_id", flat=True).distinct())


def components_waiting() -> QuerySet[ProvisioningRequest, UUID]:
    """Return the ids of resources whose request has no run, whoever they wait for."""
    return _without_run().values_list("resource_id", flat=True)
