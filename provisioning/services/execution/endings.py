"""How things end, piece by piece: a resource goes, a request is final, each with its audit event; and why it failed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from governance.models import Pool
from governance.services.quotas import quota_release
from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.selectors.resources import deprovisions_live
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.credentials import credentials_end
from provisioning.states import (
    LIVE_REQUEST,
    REQUEST_MOVES,
    RESOURCE_MOVES,
    Operation,
    RequestStatus,
    ResourceStatus,
    sources,
)


@dataclass(frozen=True, kw_only=True)
class RunFailure:
    """Why a run did not do what it was for; everything in it may be shown to its owner.

    Attributes:
        code: Permanent snake_case name.
        kind: ``retryable``, ``permanent``, ``policy``, ``user`` or ``platform``: who can do something about it.
        detail: What is wrong.
        remedy: What to do.
        objects_left: Addresses of objects that exist, or may exist, without being wanted.
    """

    code: str
    kind: str
    detail: str
    remedy: str
    objects_left: tuple[str, ...] = ()

    @property
    def is_repeatable(self) -> bool:
        """Whether the same ask may succeed next time without its owner changing it."""
        return self.kind in {"retryable", "platform"}

    def as_json(self, *, resource_usable: bool) -> dict[str, Any]:
        """Return the failure in the API's shape."""
        return {
            "code": self.code,
            "class": self.kind,
            "detail": self.detail,
            "remedy": self.remedy,
            "resource_usable": resource_usable,
            "repeatable": self.is_repeatable,
            "objects_left": list(self.objects_left),
        }


def resource_lock(resource_id: UUID) -> None:
    """Lock a resource before its run: whoever ends a run and whoever asks for a deprovision take them in one order."""
    Resource.objects.select_for_update(no_key=True).only("pk").get(pk=resource_id)


def resource_end(caller: Caller, resource: Resource, *, run: Run | None, reason: str, **changes: Any) -> None:
    """Let a resource go: its quota is given back, and whoever else waits for it to go has it, without a run.

    Args:
        caller: Who ended it.
        resource: The resource, with its project loaded.
        run: The run that ended it, whose own request is not touched; None where there was none.
        reason: Why, for the ledger.
        **changes: Further columns of it.
    """
    # Quotas before the row is written: an order under this very name holds them, and then waits for what becomes of it.
    quota_release(subject_id=resource.pk, pools=list(Pool), caller=caller, reason=reason)
    resource_move(caller, resource, ResourceStatus.DEPROVISIONED, outputs=None, **changes)
    credentials_end(resource.pk)
    waiting = deprovisions_live().filter(resource=resource)
    for request in waiting.exclude(runs=run) if run else waiting:
        own = replace(caller, correlation_id=request.correlation_id)
        request_move(own, request, resource, RequestStatus.COMPLETED)


def is_unbegun(resource: Resource) -> bool:
    """Tell whether no run was ever made for a resource: it waits for others, and nothing of it exists."""
    return resource.status == ResourceStatus.PENDING and not Run.objects.filter(resource=resource).exists()


def unbegun_end(caller: Caller, resource: Resource, to: RequestStatus, failure: RunFailure) -> None:
    """End a resource that no run was ever made for: its order comes to nothing, its name and its quota are free.

    Args:
        caller: Who ends it.
        resource: The resource, locked, with its project loaded.
        to: What becomes of the order: ``failed`` or ``canceled``.
        failure: Why.
    """
    orders = ProvisioningRequest.objects.filter(
        resource=resource, operation=Operation.PROVISION, status__in=LIVE_REQUEST
    )
    for request in orders:
        own = replace(caller, correlation_id=request.correlation_id)
        request_move(own, request, resource, to, failure=failure.as_json(resource_usable=False))
    resource_end(caller, resource, run=None, reason="nothing was made")


def resource_move(caller: Caller, resource: Resource, to: ResourceStatus, **changes: Any) -> None:
    """Move a resource on, with its audit event; one that stands there already has its columns written, and no event."""
    moves = sources(RESOURCE_MOVES, to) | ({to} if to in RESOURCE_MOVES else frozenset())
    moved = Resource.objects.filter(pk=resource.pk, status__in=moves).update(
        status=to, updated_at=ClockTimestamp(), **changes
    )
    if not moved or resource.status == to:
        return
    event_record(
        caller=caller,
        action=f"resource.{to.value}",
        object_type="resource",
        object_id=resource.pk,
        object_name=resource.name,
        team_id=resource.project.team_id,
        project_id=resource.project_id,
        before={"status": resource.status},
        after={"status": to.value},
        outcome=Outcome.FAILED if to is ResourceStatus.DEGRADED else Outcome.SUCCEEDED,
    )


def request_end(caller: Caller, run: Run, to: RequestStatus, *, failure: Mapping[str, Any] | None = None) -> None:
    """End the request that a run was for, with its audit event; a run without one changes nothing."""
    if run.provisioning_request is not None:
        request_move(caller, run.provisioning_request, run.resource, to, failure=failure)


def request_move(
    caller: Caller,
    request: ProvisioningRequest,
    resource: Resource,
    to: RequestStatus,
    *,
    failure: Mapping[str, Any] | None = None,
) -> None:
    """End a request, with its audit event; one that has ended stays as it is."""
    moved = ProvisioningRequest.objects.filter(
        pk=request.pk, status__in=sources(REQUEST_MOVES, to) & LIVE_REQUEST
    ).update(status=to, failure=failure, completed_at=ClockTimestamp())
    if not moved:
        return
    event_record(
        caller=caller,
        action=f"request.{to.value}",
        object_type="provisioning_request",
        object_id=request.pk,
        object_name=f"{request.operation} {resource.name}",
        team_id=resource.project.team_id,
        project_id=request.project_id,
        outcome=Outcome.SUCCEEDED if to is RequestStatus.COMPLETED else Outcome.FAILED,
        code=str(failure["code"]) if failure else "",
        reason=str(failure["detail"]) if failure else "",
    )
