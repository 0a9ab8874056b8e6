"""Resources, requests and runs as a caller may see them."""

from django.db.models import Prefetch, Q, QuerySet

from catalog.selectors.offerings import long_columns
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix, UnknownIdError, parse
from platform_api.tenancy.selectors.projects import projects_visible
from provisioning.models import LogLine, ProvisioningRequest, Resource, Run
from provisioning.selectors.credentials import CREDENTIALS_SHOWN, credentials_shown
from provisioning.states import LIVE_REQUEST, LIVE_RUN, Operation


def in_projects_of(caller: Caller) -> Q:
    """Return the condition that a row's project is one of the caller's; overseers' are all."""
    if caller.is_auditor or caller.is_platform_admin:
        return Q()
    return Q(project__in=projects_visible(caller=caller).values("pk"))


def resources_visible(*, caller: Caller) -> QuerySet[Resource]:
    """Return the resources of the caller's projects, with what their shape needs."""
    return (
        Resource.objects.filter(in_projects_of(caller))
        .select_related("project__team", "environment", "offering_version__offering", "plan")
        .defer(*long_columns("offering_version", but=["manifest"]))
    )


def resources_shown(*, caller: Caller) -> QuerySet[Resource]:
    """Return the same for a list: each with the run that works on it, and with what is told of its credentials."""
    live = Prefetch("runs", queryset=Run.objects.filter(status__in=LIVE_RUN), to_attr="live_runs")
    told = Prefetch("credentials", queryset=credentials_shown()[:CREDENTIALS_SHOWN], to_attr="told_credentials")
    return resources_visible(caller=caller).prefetch_related(live, told)


def resource_get(*, caller: Caller, resource: str) -> Resource:
    """Return one resource by id.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
    """
    found = resources_visible(caller=caller).filter(pk=parse(Prefix.RESOURCE, resource)).first()
    if found is None:
        raise UnknownIdError
    return found


def requests_visible(*, caller: Caller) -> QuerySet[ProvisioningRequest]:
    """Return the requests of the caller's projects, with what their shape needs."""
    return (
        ProvisioningRequest.objects.filter(in_projects_of(caller))
        .select_related("project", "environment", "resource", "offering_version__offering", "plan")
        .defer(*long_columns("offering_version"))
    )


def request_get(*, caller: Caller, request: str) -> ProvisioningRequest:
    """Return one request by id.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
    """
    found = requests_visible(caller=caller).filter(pk=parse(Prefix.PROVISIONING_REQUEST, request)).first()
    if found is None:
        raise UnknownIdError
    return found


def deprovisions_live() -> QuerySet[ProvisioningRequest]:
    """Return the requests under way that a resource be given back."""
    return ProvisioningRequest.objects.filter(operation=Operation.DEPROVISION, status__in=LIVE_REQUEST)


def runs_visible(*, caller: Caller) -> QuerySet[Run]:
    """Return the runs of the caller's projects."""
    return Run.objects.filter(in_projects_of(caller))


def run_get(*, caller: Caller, run: str) -> Run:
    """Return one run by id.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
    """
    found = runs_visible(caller=caller).filter(pk=parse(Prefix.RUN, run)).first()
    if found is None:
        raise UnknownIdError
    return found


def live_run_of(resource: Resource) -> Run | None:
    """Return the run that works on a resource now: its id, operation and status."""
    return Run.objects.filter(resource=resource, status__in=LIVE_RUN).only("pk", "operation", "status").first()


def newest_run_of(request: ProvisioningRequest) -> Run | None:
    """Return the newest run of a request."""
    return Run.objects.filter(provisioning_request=request).order_by("-pk").first()


def log_lines_after(run: Run, *, sequence: int) -> QuerySet[LogLine]:
    """Return the lines of a run's log after one, in their order."""
    return LogLine.objects.filter(run_id=run.pk, sequence__gt=sequence).order_by("sequence")
