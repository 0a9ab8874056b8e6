"""A resource is given back: whatever works on it makes way, and the request that it be gone is written."""

from uuid import UUID

from catalog.selectors.orderables import orderable_of
from governance.services.quotas import quotas_lock
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from provisioning import metrics
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.credentials import credentials_discard
from provisioning.services.execution.endings import RunFailure, is_unbegun, request_end, unbegun_end
from provisioning.services.ordering.requesting import generation_begin, request_write
from provisioning.states import LIVE_RUN, WAITING_RUN, Desired, Operation, RequestStatus, RunStatus

DEPROVISIONED = "A deprovision was asked for."
"""Why a run had to make way."""

FORGONE = RunFailure(
    code="canceled", kind="user", detail="It was given back before it was begun.", remedy="Order it again."
)


def deprovision_accept(
    *, caller: Caller, resource: Resource, reason: str, ticket: str | None, retry_of: UUID | None = None
) -> ProvisioningRequest:
    """Accept that a resource is given back: whatever works on it makes way. Its run is the caller's to make.

    Args:
        caller: Who asks.
        resource: The resource, locked, with what its shape needs; no other deprovision of it is under way.
        reason: Why, in the caller's words.
        ticket: Where it is tracked.
        retry_of: The deprovision that came to nothing, and is asked for again by this one.
    """
    was_unbegun = is_unbegun(resource)
    if was_unbegun:
        quotas_lock(subject_ids=[resource.pk])  # it gives them back at once, and rows are written after quotas
    _make_way(caller, resource)
    generation_begin(resource, Desired.ABSENT)
    request = request_write(
        operation=Operation.DEPROVISION,
        resource=resource,
        orderable=orderable_of(version=resource.offering_version, plan=resource.plan),
        parameters=resource.parameters,
        reason=reason,
        ticket=ticket,
        caller=caller,
        retry_of=retry_of,
    )
    if was_unbegun:
        unbegun_end(caller, resource, RequestStatus.CANCELED, FORGONE)
    return request


def _make_way(caller: Caller, resource: Resource) -> None:
    """Supersede a run that nobody holds; ask one that is held to stop."""
    live = Run.objects.select_for_update(no_key=True).filter(resource=resource, status__in=LIVE_RUN).first()
    if live is None:
        return
    is_waiting = live.status in WAITING_RUN and live.lease_owner is None
    event_record(
        caller=caller,
        action="run.superseded" if is_waiting else "run.cancel_requested",
        object_type="run",
        object_id=live.pk,
        object_name=f"{live.operation} run",
        team_id=resource.project.team_id,
        project_id=resource.project_id,
        reason=DEPROVISIONED,
    )
    if is_waiting:
        Run.objects.filter(pk=live.pk).update(status=RunStatus.SUPERSEDED, finished_at=ClockTimestamp())
        live.resource = resource
        credentials_discard(resource.pk)
        request_end(caller, live, RequestStatus.CANCELED)
        metrics.run_ended(live.operation, RunStatus.SUPERSEDED)
    elif live.cancel_requested_at is None:
        Run.objects.filter(pk=live.pk).update(cancel_requested_at=ClockTimestamp(), cancel_reason=DEPROVISIONED)
