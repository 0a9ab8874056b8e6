"""The catalog as those who order see it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.api.outdated import outdated_mark
from catalog.models import Offering, OfferingVersion, Plan
from catalog.models.offerings import OfferingKind
from catalog.selectors.compositions import component_plans
from catalog.selectors.offerings import current_of, offering_get, offerings_visible
from catalog.selectors.outdated import outdated_of
from platform_api.core.http.conditions import IF_NONE_MATCH, shown
from platform_api.core.http.document.headers import OUTDATED
from platform_api.core.http.document.operations import operation
from platform_api.core.http.filters import Choice, Filter, Text
from platform_api.core.http.paging import BY_TIME
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix, show
from platform_api.core.shapes import Cost, OfferingId, Shape
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope

ComponentPlans = Mapping[tuple[str, str, str], Plan]
"""Plans by offering, version and plan, as components name them."""


class PlanOfOfferingShape(Shape):
    """A size, with what it sets (``parameters``) and what it narrows (``limits``: JSON Schema by parameter)."""

    slug: str
    title: str
    description: str
    status: str
    cost: Cost
    points: int
    """What one takes of the quota."""

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


class ComponentOfOfferingShape(Shape):
    """A part of a composed offering: what is ordered, with which parameters, and what is wired to what."""

    name: str
    offering: str
    version: str
    plan: str
    parameters: dict[str, Any]
    wiring: dict[str, str]
    cost: Cost
    points: int


class ExpiryShape(Shape):
    """How long an environment lives: unless the caller says, and at most."""

    default_seconds: int
    maximum_seconds: int


class CompositionShape(Shape):
    """What only a composed offering has; ordered with ``PUT /api/v1/projects/{project}/environments/{name}``."""

    tier: str
    expiry: ExpiryShape | None
    """Null where what is made stays."""

    cost: Cost
    """Of all components."""

    points: int


class OfferingShape(Shape):
    """An offering as its current version says it; a composed one has components, and no plans."""

    id: OfferingId
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
    """The newest published one; what is ordered where none is named."""

    versions: list[VersionShape]
    plans: list[PlanOfOfferingShape]
    parameters_schema: dict[str, Any]
    """What may be set, as JSON Schema 2020-12."""

    outputs: list[OutputShape]
    composition: CompositionShape | None
    components: list[ComponentOfOfferingShape] | None


def _plan(plan: Plan) -> PlanOfOfferingShape:
    return PlanOfOfferingShape(
        slug=plan.slug,
        title=plan.title,
        description=plan.description,
        status=plan.status,
        cost=Cost.of(plan.monthly_amount, plan.currency),
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


def _components(version: OfferingVersion, plans: ComponentPlans) -> list[ComponentOfOfferingShape]:
    return [
        _component(part, plans[part["offering"], part["version"], part["plan"]])
        for part in version.manifest["components"]
    ]


def _component(part: dict[str, Any], plan: Plan) -> ComponentOfOfferingShape:
    return ComponentOfOfferingShape(
        name=part["name"],
        offering=part["offering"],
        version=part["version"],
        plan=part["plan"],
        parameters=part.get("parameters", {}),
        wiring=part.get("wiring", {}),
        cost=Cost.of(plan.monthly_amount, plan.currency),
        points=plan.quota_points,
    )


def _composition(version: OfferingVersion, plans: ComponentPlans) -> CompositionShape:
    parts = [plans[part["offering"], part["version"], part["plan"]] for part in version.manifest["components"]]
    expiry = version.manifest["expiry"]
    return CompositionShape(
        tier=version.manifest["tier"],
        expiry=None if expiry is None else msgspec.convert(expiry, ExpiryShape),
        cost=Cost.of(sum((plan.monthly_amount for plan in parts), Decimal(0)), parts[0].currency),
        points=sum(plan.quota_points for plan in parts),
    )


def offering_shape(offering: Offering, *, plans: ComponentPlans) -> OfferingShape:
    """Return an offering as those who order see it.

    Args:
        offering: With its versions and their plans loaded.
        plans: Those that its components name, if it is composed.
    """
    current = current_of(offering)
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
        composition=_composition(current, plans) if current.is_composed else None,
        components=_components(current, plans) if current.is_composed else None,
    )


class OfferingList(ListView):
    """What can be ordered."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.CATALOG_READ}
    noun = "offering"
    shape = OfferingShape
    filters: ClassVar[Mapping[str, Filter]] = {
        "kind": Choice(description="Only offerings of this kind.", choices=tuple(OfferingKind.values)),
        "tag": Text(
            description="Only offerings with this tag.",
            pattern=r"[a-z0-9][a-z0-9-]{0,39}",
            form="Tags have 1 to 40 of: a-z, 0-9, hyphen.",
            max_length=40,
        ),
    }
    sorts: ClassVar[Mapping[str, str]] = {**BY_TIME, "slug": "slug"}

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return the offerings of the catalog."""
        kind = filters.get("kind")
        return offerings_visible(
            caller=caller_of(request), kind=OfferingKind(kind) if kind else None, tag=filters.get("tag")
        )

    def prepare(self, rows: list[Any]) -> None:
        """Look up the plans that components on the page name, at once."""
        self.plans = component_plans(current_of(row) for row in rows)

    def show(self, row: Offering) -> OfferingShape:
        """Return one offering in its shape."""
        return offering_shape(row, plans=self.plans)


class OfferingDetail(APIView):
    """One offering, by slug or id."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.CATALOG_READ}

    @operation("offering_get", responses={200: OfferingShape}, parameters=[IF_NONE_MATCH], headers=OUTDATED)
    def get(self, request: Request, offering: str) -> HttpResponse:
        """Show an offering."""
        found = offering_get(offering=offering)
        current = current_of(found)
        response = shown(request, offering_shape(found, plans=component_plans([current])))
        return outdated_mark(response, outdated_of(current))
