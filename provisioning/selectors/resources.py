"""Resources, requests and runs as a caller may see them.

Those that are read one at a time are compiled: translation of a query would cost more than everything else about it.
"""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from catalog.selectors.offerings import long_columns
from platform_api.core.callers import Caller
from platform_api.core.compiled import Compiled, compiled, uuid_slot
from platform_api.core.ids import Prefix, UnknownIdError, parse
from platform_api.tenancy.selectors.projects import projects_in_sight
from platform_api.tenancy.selectors.sight import Sight, seen_by
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.selectors.credentials import credentials_told
from provisioning.states import LIVE_REQUEST, LIVE_RUN, Operation

_ORDERED = (
    *("offering_version__version", "offering_version__deprecated_at", "offering_version__sunset_at"),
    *("offering_version__offering__slug", "plan__slug", "plan__monthly_amount", "plan__currency"),
)
RESOURCE_SHOWN = (
    *("name", "kind", "status", "desired", "parameters", "outputs", "delete_protected", "expires_at", "version"),
    *("created_at", "updated_at", "environment__name", "project__slug", "project__team__slug", *_ORDERED),
)
REQUEST_SHOWN = (
    *("operation", "status", "parameters", "quota", "decisions", "reason", "ticket", "requested_by_kind", "failure"),
    *("requested_by_name", "on_behalf_of", "created_at", "completed_at", "resource__name", "environment__name"),
    *("project__slug", *_ORDERED),
)
"""Columns that ``selectors.shapes`` makes a resource and a request of."""

Row = TypeVar("Row", bound=Model)


def _one(query: Compiled[Row], caller: Caller, **wanted: UUID) -> Row:
    found = query.first(**wanted, **seen_by(caller))
    if found is None:
        raise UnknownIdError
    return found


def in_projects_of(sight: Sight) -> Q:
    """Return the condition that a row's project is seen; overseers see all."""
    return Q() if sight.is_overseer else Q(project__in=projects_in_sight(sight).values("pk"))


def _run_told(runs: QuerySet[Run]) -> Subquery:
    """Return an annotation: the first of these runs as a dictionary, or null."""
    return Subquery(runs.values(told=JSONObject(id="pk", status="status"))[:1])


def resources_seen(sight: Sight) -> QuerySet[Resource]:
    """Return the resources of the projects that are seen, with what a change of them is judged by."""
    return (
        Resource.objects.filter(in_projects_of(sight))
        .select_related("project__team", "environment", "offering_version__offering", "plan")
        .defer(*long_columns("offering_version", but=["manifest"]))
    )


def resources_shown(sight: Sight) -> QuerySet[Resource]:
    """Return the same with what their shape says, and nothing else: most of what a read costs is its columns.

    Annotated with ``live_run``, the run that works on it, and ``told_credentials``.
    """
    live = Run.objects.filter(resource=OuterRef("pk"), status__in=LIVE_RUN)
    return (
        resources_seen(sight)
        .defer(None)
        .only(*RESOURCE_SHOWN)
        .annotate(**{"live_run": _run_told(live), "told_credentials": credentials_told()})  # noqa: PIE804 - the model declares these names
    )


@compiled
def _resource(*, is_overseer: bool) -> QuerySet[Resource]:
    return resources_seen(Sight.slotted(is_overseer=is_overseer)).filter(pk=uuid_slot("resource"))


@compiled
def _resource_shown(*, is_overseer: bool) -> QuerySet[Resource]:
    return resources_shown(Sight.slotted(is_overseer=is_overseer)).filter(pk=uuid_slot("resource"))


def resource_get(*, caller: Caller, resource: str) -> Resource:
    """Return one resource by id, to change it.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
    """
    return _one(_resource(is_overseer=caller.is_overseer), caller, resource=parse(Prefix.RESOURCE, resource))


def resource_shown(*, caller: Caller, resource: str) -> Resource:
    """Return one resource by id, to show it.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
    """
    return _one(_resource_shown(is_overseer=caller.is_overseer), caller, resource=parse(Prefix.RESOURCE, resource))


def requests_seen(sight: Sight) -> QuerySet[ProvisioningRequest]:
    """Return the requests of the projects that are seen, with what their shape says.

    Annotated with ``newest_run``.
    """
    runs = Run.objects.filter(provisioning_request=OuterRef("pk")).order_by("-pk")
    return (
        ProvisioningRequest.objects.filter(in_projects_of(sight))
        .select_related("project", "environment", "resource", "offering_version__offering", "plan")
        .only(*REQUEST_SHOWN)
        .annotate(**{"newest_run": _run_told(runs)})  # noqa: PIE804 - the model declares this name
    )


@compiled
def _request(*, is_overseer: bool) -> QuerySet[ProvisioningRequest]:
    return requests_seen(Sight.slotted(is_overseer=is_overseer)).filter(pk=uuid_slot("request"))


def request_get(*, caller: Caller, request: str) -> ProvisioningRequest:
    """Return one request by id.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
    """
    one = parse(Prefix.PROVISIONING_REQUEST, request)
    return _one(_request(is_overseer=caller.is_overseer), caller, request=one)


def deprovisions_live() -> QuerySet[ProvisioningRequest]:
    """Return the requests under way that a resource be given back."""
    return ProvisioningRequest.objects.filter(operation=Operation.DEPROVISION, status__in=LIVE_REQUEST)


def runs_seen(sight: Sight) -> QuerySet[Run]:
    """Return the runs of the projects that are seen."""
    return Run.objects.filter(in_projects_of(sight))


@compiled
def _run(*, is_overseer: bool) -> QuerySet[Run]:
    return runs_seen(Sight.slotted(is_overseer=is_overseer)).filter(pk=uuid_slot("run"))


def run_get(*, caller: Caller, run: str) -> Run:
    """Return one run by id.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
    """
    return _one(_run(is_overseer=caller.is_overseer), caller, run=parse(Prefix.RUN, run))


def live_run_of(resource: Resource) -> Run | None:
    """Return the run that works on a resource now: its id, operation and status."""
    return Run.objects.filter(resource=resource, status__in=LIVE_RUN).only("pk", "operation", "status").first()
