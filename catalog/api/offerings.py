"""The catalog as those who order see it."""

import re
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Offering, OfferingVersion, Plan
from catalog.models.offerings import Availability, OfferingKind, VersionStatus
from catalog.selectors.offerings import offering_get, offerings_visible
from platform_api.core.http.paging import FilterInvalidError
from platform_api.core.http.serializers import TypeIdField
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope


class MoneyOutput(serializers.Serializer[Plan]):
    """An amount of money."""

    amount = serializers.DecimalField(max_digits=10, decimal_places=2, source="monthly_amount")
    currency = serializers.CharField()


class CostOutput(serializers.Serializer[Plan]):
    """What a plan costs."""

    monthly = MoneyOutput(source="*")


class PlanOutput(serializers.Serializer[Plan]):
    """A size, with what it sets and what it narrows (``limits``: JSON Schema by parameter)."""

    slug = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(Availability.choices)
    cost = CostOutput(source="*")
    points = serializers.IntegerField(source="quota_points")
    parameters = serializers.DictField()
    limits = serializers.DictField()


class VersionOutput(serializers.Serializer[OfferingVersion]):
    """A version, by number and digest."""

    version = serializers.CharField()
    status = serializers.ChoiceField(VersionStatus.choices)
    digest = serializers.SerializerMethodField()
    published_at = serializers.DateTimeField()
    sunset_at = serializers.DateTimeField(allow_null=True)

    def get_digest(self, version: OfferingVersion) -> str:
        """Say by which function it was made."""
        return f"sha256:{version.digest}"


class OwnerOutput(serializers.Serializer[Any]):
    """Who answers for it."""

    team = serializers.CharField()
    contact = serializers.CharField()


class ObjectiveOutput(serializers.Serializer[Any]):
    """What the owner promises."""

    availability_percent = serializers.CharField()
    first_response_hours = serializers.IntegerField()


class SupportOutput(serializers.Serializer[Any]):
    """When somebody answers."""

    level = serializers.CharField()
    hours = serializers.CharField()
    objective = ObjectiveOutput()


class LinksOutput(serializers.Serializer[Any]):
    """Where to read on: https addresses, or paths from the root of the repository."""

    docs = serializers.CharField()
    runbook = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # a field of this name; REST framework takes it away


class OutputOutput(serializers.Serializer[Any]):
    """Something that a resource tells once it is there."""

    name = serializers.CharField()
    description = serializers.CharField()
    sensitive = serializers.BooleanField(help_text="Shown only together with the credentials.")


class OfferingOutput(serializers.Serializer[Offering]):
    """An offering as its current version says it."""

    id = TypeIdField(Prefix.OFFERING)
    slug = serializers.CharField()
    title = serializers.CharField(source="current.manifest.title")
    kind = serializers.ChoiceField(OfferingKind.choices)
    description = serializers.CharField(source="current.manifest.description")
    status = serializers.ChoiceField(Availability.choices)
    owner = OwnerOutput(source="current.manifest.owner")
    support = SupportOutput(source="current.manifest.support")
    links = LinksOutput(source="current.manifest.links")
    tags = serializers.ListField(child=serializers.CharField(), source="current.manifest.tags")
    version = serializers.CharField(source="current.version")
    versions = VersionOutput(many=True, source="newest_first")
    plans = PlanOutput(many=True, source="current.plans.all")
    parameters_schema = serializers.DictField(source="current.parameters_schema", help_text="JSON Schema 2020-12.")
    outputs = OutputOutput(many=True, source="current.outputs")


TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
"""What a manifest's tags look like."""

_FILTERS = [
    OpenApiParameter("kind", str, enum=OfferingKind.values, description="Only offerings of this kind."),
    OpenApiParameter("tag", str, description="Only offerings with this tag."),
]


@extend_schema_view(get=extend_schema(parameters=_FILTERS))
class OfferingList(ListView):
    """What can be ordered."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.CATALOG_READ}
    filters = frozenset({"kind", "tag"})
    serializer_class = OfferingOutput

    def find(self, request: Request, **filters: str) -> QuerySet[Any]:
        """Return the offerings of the catalog.

        Raises:
            FilterInvalidError: No such kind, or what cannot be a tag.
        """
        kind, tag = filters.get("kind"), filters.get("tag")
        if kind is not None and kind not in OfferingKind.values:
            msg = f"There is no kind {kind[:80]!r}."
            raise FilterInvalidError(msg, remedy=f"Use one of: {', '.join(OfferingKind.values)}.")
        if tag is not None and not TAG.match(tag):
            msg = f"No tag is written like {tag[:80]!r}."
            raise FilterInvalidError(msg, remedy="Tags have 1 to 40 of: a-z, 0-9, hyphen.")
        return offerings_visible(caller=caller_of(request), kind=OfferingKind(kind) if kind else None, tag=tag)


class OfferingDetail(APIView):
    """One offering, by slug or id."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.CATALOG_READ}

    @extend_schema(operation_id="offering_get", responses=OfferingOutput)
    def get(self, request: Request, offering: str) -> Response:
        """Show an offering."""
        return Response(OfferingOutput(offering_get(offering=offering)).data)
