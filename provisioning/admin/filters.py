"""Filters of requests, runs and resources."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.models import Offering
from catalog.models.offerings import OfferingKind
from platform_api.core.admin.filters import ChoiceFilter, TextFilter, ThingFilter, suggestions
from platform_api.tenancy.models import User
from provisioning.states import Operation, RequestStatus, ResourceStatus, RunStatus


class OfferingFilter(TextFilter):
    """What was ordered, by slug."""

    title, parameter_name = "offering", "offering"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Suggest offerings."""
        return suggestions(Offering, "slug")

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows of an offering; by the keys of its versions, which rows carry."""
        offering = Offering.objects.filter(slug=text).first()
        if offering is None:
            return self.refuse(queryset, f"There is no offering {text[:40]}.")
        versions = list(offering.versions.order_by().values_list("pk", flat=True))
        return queryset.filter(offering_version_id__in=versions)


class _StatusFilter(ChoiceFilter):
    """Where it stands."""

    title, parameter_name, column = "status", "status", "status"


class RequestStatusFilter(_StatusFilter):
    """Where a request stands."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the statuses."""
        return [(status.value, status.value.replace("_", " ")) for status in RequestStatus]


class RunStatusFilter(_StatusFilter):
    """Where a run stands."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the statuses."""
        return [(status.value, status.value.replace("_", " ")) for status in RunStatus]


class ResourceStatusFilter(_StatusFilter):
    """Where a resource stands."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the statuses."""
        return [(status.value, status.value) for status in ResourceStatus]


class OperationFilter(ChoiceFilter):
    """What it is for."""

    title, parameter_name, column = "operation", "operation", "operation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the operations."""
        return [(operation.value, operation.value.replace("_", " ")) for operation in Operation]


class KindFilter(ChoiceFilter):
    """What kind of thing it is."""

    title, parameter_name, column = "kind", "kind", "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds of the catalog."""
        return [(kind.value, kind.label) for kind in OfferingKind]


class ResourceFilter(ThingFilter):
    """The resource that it is for."""

    title, parameter_name, column = "resource (id)", "resource", "resource_id"


class EnvironmentFilter(ThingFilter):
    """The environment that it is in."""

    title, parameter_name, column = "environment (id)", "environment", "environment_id"


class _ByUserFilter(TextFilter):
    """A user, by username; by the key that rows carry, so that a renamed user is still found."""

    title, parameter_name = "actor", "actor"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return what the user asked for."""
        user_id = User.objects.filter(username=text).values_list("pk", flat=True).first()
        if user_id is None:
            return self.refuse(queryset, f"There is no user {text[:64]}.")
        return self.by(queryset, user_id)

    def by(self, queryset: QuerySet[Any], user_id: UUID) -> QuerySet[Any]:
        """Return what the user with this key asked for."""
        raise NotImplementedError


class RequesterFilter(_ByUserFilter):
    """Who asked."""

    def by(self, queryset: QuerySet[Any], user_id: UUID) -> QuerySet[Any]:
        """Return the user's requests."""
        return queryset.filter(requested_by_id=user_id)


class RunRequesterFilter(_ByUserFilter):
    """Who asked for it."""

    def by(self, queryset: QuerySet[Any], user_id: UUID) -> QuerySet[Any]:
        """Return the runs of the user's requests."""
        return queryset.filter(provisioning_request__requested_by_id=user_id)


class CreatorFilter(_ByUserFilter):
    """Who ordered it."""

    def by(self, queryset: QuerySet[Any], user_id: UUID) -> QuerySet[Any]:
        """Return what the user ordered."""
        return queryset.filter(created_by_id=user_id)
