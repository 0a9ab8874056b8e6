"""Filters of requests, runs and resources."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from catalog.admin.offerings import OfferingFilter as VersionOfferingFilter
from catalog.models import OfferingVersion
from platform_api.core.admin.filters import ChoiceFilter, ThingFilter
from platform_api.tenancy.admin.filters import UserFilter
from provisioning.states import Operation, RequestStatus, ResourceStatus, RunStatus


class OfferingFilter(VersionOfferingFilter):
    """What was ordered."""

    def of(self, queryset: QuerySet[Any], key: UUID) -> QuerySet[Any]:
        """Return the rows of an offering; by the keys of its versions, which rows carry."""
        versions = OfferingVersion.objects.filter(offering_id=key).order_by().values_list("pk", flat=True)
        return queryset.filter(offering_version_id__in=list(versions))


class _StatusFilter(ChoiceFilter):
    """Where it stands."""

    title, parameter_name, column = "status", "status", "status"


class RequestStatusFilter(_StatusFilter):
    """Where a request stands."""

    words = RequestStatus


class RunStatusFilter(_StatusFilter):
    """Where a run stands."""

    words = RunStatus


class ResourceStatusFilter(_StatusFilter):
    """Where a resource stands."""

    words = ResourceStatus


class OperationFilter(ChoiceFilter):
    """What it is for."""

    title, parameter_name, column = "operation", "operation", "operation"
    words = Operation


class ResourceFilter(ThingFilter):
    """The resource that it is for."""

    title, parameter_name, column = "resource (id)", "resource", "resource_id"


class EnvironmentFilter(ThingFilter):
    """The environment that it is in."""

    title, parameter_name, column = "environment (id)", "environment", "environment_id"


class RequesterFilter(UserFilter):
    """Who asked."""

    column = "requested_by_id"


class RunRequesterFilter(UserFilter):
    """Who asked for it."""

    column = "provisioning_request__requested_by_id"


class CreatorFilter(UserFilter):
    """Who ordered it."""

    column = "created_by_id"
