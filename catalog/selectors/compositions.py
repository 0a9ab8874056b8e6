"""Composed offerings as the ordering path needs them: each component with what it orders, in the order of their needs.

As with orderables, a process keeps what it looked up until the catalog changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from catalog.manifest.composing import ComponentFacts
from catalog.manifest.wiring import Wires, dependency_order
from catalog.models import OfferingVersion, Plan
from catalog.models.generations import CATALOG
from catalog.selectors.orderables import (
    NotOrderableError,
    Orderable,
    not_orderable,
    orderable_get,
    version_choose,
)
from platform_api.core.judgement import Judge
from platform_api.core.keeping import Kept
from platform_api.core.pointers import pointer


@dataclass(frozen=True, kw_only=True)
class OrderableComponent:
    """One part of a composed offering.

    Attributes:
        name: What it is called within the whole, and what its resource will be called.
        orderable: What is ordered.
        parameters: Those that the manifest sets.
        wires: Where the others come from.
    """

    name: str
    orderable: Orderable
    parameters: Mapping[str, Any]
    wires: Wires


@dataclass(frozen=True, kw_only=True)
class Composition:
    """A composed offering in one version.

    Attributes:
        offering: Its slug.
        version_id: The version.
        version: Its number.
        tier: Tier of the environments that it makes.
        default_seconds: How long one lives, unless the caller says; None where it stays.
        maximum_seconds: How long one may live; None where it stays.
        judge: Judges the parameters of the whole.
        defaults: What holds for those that a caller leaves out.
        components: Each after those that it needs.
    """

    offering: str
    version_id: UUID
    version: str
    tier: str
    default_seconds: int | None
    maximum_seconds: int | None
    judge: Judge
    defaults: Mapping[str, Any]
    components: tuple[OrderableComponent, ...]


_compositions: Kept[tuple[str, str | None], Composition] = Kept(setting="CATALOG_AGE_SECONDS", generation=CATALOG)


def composition_get(*, offering: str, version: str | None = None) -> Composition:
    """Return the composed offering that goes by these names.

    Args:
        offering: Slug.
        version: Number; without it the highest published one.

    Raises:
        NotOrderableError: It is unknown, retired or not composed; or a component cannot be ordered any more.
    """
    return _compositions.get((offering, version), lambda: _look_up(offering=offering, version=version))


def component_plans(versions: Iterable[OfferingVersion]) -> dict[tuple[str, str, str], Plan]:
    """Return the plans that components of composed versions name, by offering, version and plan, in one query.

    Args:
        versions: Any versions; those that are not composed name none.
    """
    named = {
        (component["offering"], component["version"], component["plan"])
        for version in versions
        if version.is_composed
        for component in version.manifest["components"]
    }
    if not named:
        return {}
    wanted = Q()
    for offering, number, plan in named:
        wanted |= Q(version__offering__slug=offering, version__version=number, slug=plan)
    plans = Plan.objects.filter(wanted).select_related("version__offering")
    return {(plan.version.offering.slug, plan.version.version, plan.slug): plan for plan in plans}


def component_facts(component: Mapping[str, Any]) -> ComponentFacts:
    """Return what the catalog knows of what a component of a manifest names.

    Raises:
        NotOrderableError: Nothing that could be ordered.
    """
    orderable = _ordered_by(component)
    return ComponentFacts(
        judge=orderable.judge,
        settable=orderable.judge.members,
        shown_outputs=frozenset(orderable.shown_outputs),
        allows_ephemeral=orderable.allows_ephemeral,
        currency=orderable.currency,
    )


def _ordered_by(component: Mapping[str, Any]) -> Orderable:
    return orderable_get(offering=component["offering"], version=component["version"], plan=component["plan"])


def _look_up(*, offering: str, version: str | None) -> Composition:
    chosen = version_choose(offering=offering, version=version)
    if not chosen.is_composed:
        detail = f"{offering} is one resource, not a whole environment."
        raise not_orderable("#/offering", "offering_not_composed", detail, "Order it with POST /api/v1/requests.")
    manifest, schema = chosen.manifest, chosen.parameters_schema
    parts = {component["name"]: component for component in manifest["components"]}
    order = dependency_order({name: Wires.of(part).needs for name, part in parts.items()})
    expiry = manifest["expiry"] or {}
    return Composition(
        offering=offering,
        version_id=chosen.pk,
        version=chosen.version,
        tier=manifest["tier"],
        default_seconds=expiry.get("default_seconds"),
        maximum_seconds=expiry.get("maximum_seconds"),
        judge=Judge(schema, root="#/parameters"),
        defaults={name: said["default"] for name, said in schema["properties"].items() if "default" in said},
        components=tuple(_component(parts[name]) for name in order),
    )


def _component(part: Mapping[str, Any]) -> OrderableComponent:
    name = part["name"]
    try:
        orderable = _ordered_by(part)
    except NotOrderableError as error:
        error.errors = [
            {**finding, "pointer": f"{pointer(['components', name])}{finding['pointer'].removeprefix('#')}"}
            for finding in error.errors
        ]
        raise
    return OrderableComponent(
        name=name, orderable=orderable, parameters=part.get("parameters", {}), wires=Wires.of(part)
    )
