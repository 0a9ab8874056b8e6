"""Environments as a caller may see them, with what is in them; the number of queries does not grow with the rows."""

from django.db.models import Prefetch, Q, QuerySet

from catalog.selectors.offerings import long_columns
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix, UnknownIdError, parse
from platform_api.tenancy.models import Project
from platform_api.tenancy.selectors.sight import Sight
from provisioning.models import ComponentNeed, Environment, ProvisioningRequest, Resource
from provisioning.selectors.resources import in_projects_of
from provisioning.states import LIVE_RESOURCE


def environments_listed() -> QuerySet[Environment]:
    """Return environments with whose they are, and what they were ordered as."""
    return Environment.objects.select_related("project__team", "offering_version__offering").defer(
        *long_columns("offering_version")
    )


def environments_told() -> QuerySet[Environment]:
    """Return the same with what is in them.

    What is gone is left out, unless it is a component: what became of those is part of the story.
    """
    requests = ProvisioningRequest.objects.order_by("resource_id", "-generation").distinct("resource_id")
    needs = ComponentNeed.objects.select_related("needed").order_by("needed_id")
    resources = (
        Resource.objects.filter(Q(status__in=LIVE_RESOURCE) | Q(component__isnull=False))
        .select_related("plan", "offering_version__offering", "component")
        .defer(*long_columns("offering_version"))
        .prefetch_related(
            Prefetch("component__needs", queryset=needs),
            Prefetch("provisioning_requests", queryset=requests, to_attr="newest_requests"),
        )
        .order_by("pk")
    )
    return environments_listed().prefetch_related(Prefetch("resources", queryset=resources))


def environments_visible(*, caller: Caller) -> QuerySet[Environment]:
    """Return the environments of the caller's projects, with what their shape needs."""
    return environments_told().filter(in_projects_of(Sight.of(caller)))


def environment_get(*, caller: Caller, environment: str) -> Environment:
    """Return one environment by id; a closed one too.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
    """
    found = environments_visible(caller=caller).filter(pk=parse(Prefix.ENVIRONMENT, environment)).first()
    if found is None:
        raise UnknownIdError
    return found


def environment_named(*, caller: Caller, project: Project, name: str) -> Environment:
    """Return the environment that stands under a name in a project; a closed one has no name any more.

    Raises:
        UnknownIdError: There is none.
    """
    found = environments_visible(caller=caller).filter(project=project, name=name, closed_at=None).first()
    if found is None:
        raise UnknownIdError
    return found
