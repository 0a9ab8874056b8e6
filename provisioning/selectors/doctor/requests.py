"""Accepted requests that have no run: whose turn it is not, and whose run somebody forgot."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from platform_api.core.ids import Prefix, show
from provisioning.models import ComponentNeed, ProvisioningRequest, Run
from provisioning.selectors.doctor.findings import Finding, Verdict
from provisioning.selectors.doctor.runs import DISPATCH_SECONDS, NOTHING, START_DISPATCHER, Surroundings
from provisioning.states import (
    LIVE_REQUEST,
    LIVE_RESOURCE,
    LIVE_RUN,
    Desired,
    Operation,
    RequestStatus,
    ResourceStatus,
)


def requests_unbegun() -> QuerySet[ProvisioningRequest]:
    """Return requests that are not final and have no run, with what says whose turn it is."""
    return (
        ProvisioningRequest.objects.filter(status__in=sorted(LIVE_REQUEST))
        .filter(~Exists(Run.objects.filter(provisioning_request_id=OuterRef("pk"))))
        .select_related("resource", "project")
        .only("operation", "status", "created_at", "resource__name", "resource__status", "project__slug")
        .annotate(now=Now())
        .order_by("id")
    )


def request_finding(request: ProvisioningRequest, around: Surroundings) -> Finding:
    """Return what is found of a request that has no run."""
    return Finding(
        kind="request",
        id=show(Prefix.PROVISIONING_REQUEST, request.pk),
        operation=request.operation,
        status=request.status,
        resource=request.resource.name,
        resource_id=show(Prefix.RESOURCE, request.resource_id),
        project=request.project.slug,
        since=request.created_at,
        now=_now(request),
        verdict=_judge(request, around),
    )


def _now(request: ProvisioningRequest) -> datetime:
    now: datetime = request.now  # type: ignore[attr-defined]  # annotated by requests_unbegun
    return now


def _judge(request: ProvisioningRequest, around: Surroundings) -> Verdict:
    if request.status == RequestStatus.PENDING_APPROVAL:
        return Verdict(
            code="approval",
            waits_for="a person who approves it",
            remedy="Approve or reject it.",
            needs_person=True,
        )
    other = Run.objects.filter(resource_id=request.resource_id, status__in=sorted(LIVE_RUN)).first()
    if other is not None:
        shown = show(Prefix.RUN, other.pk)
        return Verdict(
            code="other_run",
            waits_for=f"run {shown} ({other.operation}, {other.status}) of the same resource",
            remedy=f"Nothing here; see manage.py runs doctor {shown}",
        )
    if names := _needs(request):
        return Verdict(code="components", waits_for=f"other components of its environment: {names}", remedy=NOTHING)
    if _now(request) - request.created_at < timedelta(seconds=DISPATCH_SECONDS) and around.dispatchers:
        return Verdict(code="run", waits_for="a dispatcher, which makes its run", remedy=NOTHING)
    return Verdict(
        code="run_unmade",
        waits_for="a dispatcher that makes its run"
        + ("" if around.dispatchers else "; none is connected to the database"),
        remedy="Look at the dispatcher's log." if around.dispatchers else START_DISPATCHER,
        needs_person=True,
    )


def _needs(request: ProvisioningRequest) -> str:
    """Name the components that go first: those that are needed and not ready, or those that are left and need it."""
    if request.operation == Operation.PROVISION:
        needs = ComponentNeed.objects.filter(component=request.resource_id).exclude(
            needed__resource__status=ResourceStatus.READY, needed__resource__desired=Desired.PRESENT
        )
        told = needs.values_list("needed__name", "needed__resource__status")
    elif request.operation == Operation.DEPROVISION:
        left = ComponentNeed.objects.filter(
            needed=request.resource_id, component__resource__status__in=sorted(LIVE_RESOURCE)
        )
        told = left.values_list("component__name", "component__resource__status")
    else:
        return ""
    return ", ".join(f"{name} ({status})" for name, status in told.order_by("pk"))
