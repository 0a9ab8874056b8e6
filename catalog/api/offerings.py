"""The catalog as those who order see it."""

import re
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.models import Offering, OfferingVersion, Plan
from catalog.models.offerings import OfferingKind
from catalog.selectors.offerings import offering_get, offerings_visible
from platform_api.core.http.paging import FilterInvalidError
from platform_api.core.http.shapes import shape_response
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix, show
from platform_api.core.shapes import Cost, Money, Shape
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope

TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
"""What a manifest's tags look like."""


class PlanOfOfferingShape(Shape):
    """A size, with what it sets (``parameters``) and what it narrows (``limits``: JSON Schema by parameter)."""

    slug: str
    title: str
    description: str
    status: str
    cost: Cost
    points: int
    parameters: dict[str, Any]
    limits: dict[str, Any]


class VersionShape(Shape):
    """A version, by number and digest."""

    version: str
    status: str
    digest: str
    published_at: datetime
    sunset_at: datetime | None


class OfferingOwnerShape(Shape):
    """Who answers for it."""

    team: str
    contact: str


class ObjectiveShape(Shape):
    """What the owner promises."""

    availability_percent: str
    first_response_hours: int


class SupportShape(Shape):
    """When somebody answers."""

    level: str
    hours: str
    objective: ObjectiveShape


class OfferingLinksShape(Shape):
    """Where to read on: https addresses, or paths from the root of the repository."""

    docs: str
    runbook: str
    source: str


class OutputShape(Shape):
    """Something that a resource tells once it is there; a sensitive one only together with the credentials."""

    name: str
    description: str
    sensitive: bool


class OfferingShape(Shape):
    """An offering as its current version says it."""

    id: str
    slug: str
    title: str
    kind: str
    description: str
    status: str
    owner: OfferingOwnerShape
    support: SupportShape
    links: OfferingLinksShape
    tags: list[str]
    version: str
    versions: list[VersionShape]
    plans: list[PlanOfOfferingShape]
    parameters_schema: dict[str, Any]
    outputs: list[OutputShape]


def _plan(plan: Plan) -> PlanOfOfferingShape:
    return PlanOfOfferingShape(
        slug=plan.slug,
        title=plan.title,
        description=plan.description,
        status=plan.status,
        cost=Cost(monthly=Money(amount=str(plan.monthly_amount), currency=plan.currency)),
        points=plan.quota_points,
        parameters=plan.parameters,
        limits=plan.limits,
    )


def _version(version: OfferingVersion) -> VersionShape:
    return VersionShape(
        version=version.version,
        status=version.status,
        digest=f"sha256:{version.digest}",
        published_at=version.published_at,
        sunset_at=version.sunset_at,
    )


def offering_shape(offering: Offering) -> OfferingShape:
    """Return an offering as those who order see it; versions and plans are loaded."""
    current = offering.current
    if current is None:
        raise TypeError("an offering that is shown has a version")
    manifest = current.manifest
    return OfferingShape(
        id=show(Prefix.OFFERING, offering.pk),
        slug=offering.slug,
        title=manifest["title"],
        kind=offering.kind,
        description=manifest["description"],
        status=offering.status,
        owner=msgspec.convert(manifest["owner"], OfferingOwnerShape),
        support=msgspec.convert(manifest["support"], SupportShape),
        links=msgspec.convert(manifest["links"], OfferingLinksShape),
        tags=manifest["tags"],
        version=current.version,
        versions=[_version(version) for version in offering.newest_first],
        plans=[_plan(plan) for plan in current.plans.all()],
        parameters_schema=current.parameters_schema,
        outputs=msgspec.convert(current.outputs, list[OutputShape]),
    )


class OfferingList(ListView):
    """What can be ordered."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.CATALOG_READ}
    noun = "offering"
    shape = OfferingShape
    filters: ClassVar[dict[str, str]] = {
        "kind": f"Only offerings of this kind: {', '.join(OfferingKind.values)}.",
        "tag": "Only offerings with this tag.",
    }

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

    def show(self, row: Offering) -> OfferingShape:
        """Return one offering in its shape."""
        return offering_shape(row)


class OfferingDetail(APIView):
    """One offering, by slug or id."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.CATALOG_READ}

    @extend_schema(operation_id="offering_get", responses=OfferingShape)
    def get(self, request: Request, offering: str) -> HttpResponse:
        """Show an offering."""
        return shape_response(offering_shape(offering_get(offering=offering)))
