"""What the ordering path needs to know of an offering, a version and a plan: one value, and as a rule no query.

A process keeps what it looked up for as long as nothing in the catalog changes, and sees a change within a second: so
much longer a retired plan can be ordered, which no user can tell from having been a second faster.
Judges are compiled once a plan and kept for good, because versions and plans never change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from catalog.models import Offering, OfferingVersion, Plan
from catalog.models.generations import CATALOG
from catalog.models.offerings import Availability, VersionStatus
from catalog.schema.parameters import parameters_judge
from catalog.selectors.outdated import Outdated, outdated_of
from platform_api.core.errors import RequestRefusedError
from platform_api.core.judgement import Finding, Judge
from platform_api.core.keeping import MAX_KEPT, Kept

ENSURE = "Order it with PUT /api/v1/projects/{project}/environments/{name}."


class NotOrderableError(RequestRefusedError):
    """No such offering, version or plan, or none that can be ordered; the finding lists the choices."""


@dataclass(frozen=True, kw_only=True)
class Orderable:
    """An offering, a version and a plan that can be ordered together.

    Attributes:
        offering_id: The offering.
        offering: Its slug.
        kind: How the catalog groups it.
        version_id: The version.
        version: Its number.
        digest: SHA-256 of its packed module, in hex.
        plan_id: The plan.
        plan: Its slug.
        points: What the quota is charged.
        monthly_amount: Price of a month.
        currency: ISO 4217 code of the price.
        judge: Judges the parameters of a request, for this plan.
        defaults: What holds for parameters that a request leaves out: the plan's, then the module's.
        connection_kind: Kind of target that it is made on.
        allows_ephemeral: May stand in an environment that expires.
        plan_timeout_seconds: After which a plan is interrupted.
        apply_timeout_seconds: After which an apply is interrupted.
        stateful_types: Terraform types that hold data.
        platform_variables: What the platform puts into which variable.
        credentials: Verifiers, user name output and URI template; None where it hands out none.
        shown_outputs: Outputs for everybody who sees the resource.
        sensitive_outputs: Outputs shown only together with the credentials.
        outdated: What to tell of the version, if it is deprecated or retired.
    """

    offering_id: UUID
    offering: str
    kind: str
    version_id: UUID
    version: str
    digest: str
    plan_id: UUID
    plan: str
    points: int
    monthly_amount: Decimal
    currency: str
    judge: Judge
    defaults: Mapping[str, Any]
    connection_kind: str
    allows_ephemeral: bool
    plan_timeout_seconds: int
    apply_timeout_seconds: int
    stateful_types: tuple[str, ...]
    platform_variables: Mapping[str, str]
    credentials: Mapping[str, Any] | None
    shown_outputs: tuple[str, ...]
    sensitive_outputs: tuple[str, ...]
    outdated: Outdated | None


_orderables: Kept[tuple[str, str | None, str], Orderable] = Kept(setting="CATALOG_AGE_SECONDS", generation=CATALOG)
_judges: dict[UUID, Judge] = {}


def orderable_get(*, offering: str, plan: str, version: str | None = None) -> Orderable:
    """Return what can be ordered under these names.

    Args:
        offering: Slug.
        plan: Slug.
        version: Number; without it the highest published one.

    Raises:
        NotOrderableError: Says which of the names is wrong or retired, and what there is instead.
    """
    return _orderables.get((offering, version, plan), lambda: _look_up(offering=offering, plan=plan, version=version))


def defaults_of(*, version: OfferingVersion, plan: Plan) -> dict[str, Any]:
    """Return what holds for parameters that nobody sets: the plan's word, else the module's."""
    properties = version.parameters_schema["properties"]
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    return {**defaults, **plan.parameters}


def orderable_of(*, version: OfferingVersion, plan: Plan) -> Orderable:
    """Return what a version and a plan of it are, whether or not they can still be ordered.

    Args:
        version: With its offering loaded.
        plan: One of the version's.
    """
    offering, manifest = version.offering, version.manifest
    return Orderable(
        offering_id=offering.pk,
        offering=offering.slug,
        kind=offering.kind,
        version_id=version.pk,
        version=version.version,
        digest=version.digest,
        plan_id=plan.pk,
        plan=plan.slug,
        points=plan.quota_points,
        monthly_amount=plan.monthly_amount,
        currency=plan.currency,
        judge=judge_of(version=version, plan=plan),
        defaults=defaults_of(version=version, plan=plan),
        connection_kind=version.target_kind,
        allows_ephemeral=manifest["allows_ephemeral"],
        plan_timeout_seconds=manifest["timeouts"]["plan_seconds"],
        apply_timeout_seconds=manifest["timeouts"]["apply_seconds"],
        stateful_types=tuple(manifest["stateful_types"]),
        platform_variables=manifest["variables"]["platform"],
        credentials=manifest["credentials"],
        shown_outputs=tuple(manifest["outputs"]["shown"]),
        sensitive_outputs=tuple(manifest["outputs"]["sensitive"]),
        outdated=outdated_of(version),
    )


def judge_of(*, version: OfferingVersion, plan: Plan) -> Judge:
    """Return the judge of the parameters of a plan; compiled once and kept."""
    judge = _judges.get(plan.pk)
    if judge is None:
        judge = parameters_judge(version.parameters_schema, plan=plan.slug, given=plan.parameters, limits=plan.limits)
        if len(_judges) >= MAX_KEPT:
            _judges.clear()
        _judges[plan.pk] = judge
    return judge


def version_choose(*, offering: str, version: str | None) -> OfferingVersion:
    """Return the version of an offering that an order means, with its offering.

    Args:
        offering: Slug.
        version: Number; without it the highest published one.

    Raises:
        NotOrderableError: Says which of the names is wrong or retired, and what there is instead.
    """
    found = Offering.objects.filter(slug=offering).prefetch_related("versions").first()
    if found is None or found.status != Availability.ACTIVE:
        raise _offering_refused(offering, found)
    chosen = _version(found, version)
    chosen.offering = found
    return chosen


def not_orderable(pointer: str, code: str, detail: str, remedy: str) -> NotOrderableError:
    """Return the refusal of a name that stands for nothing that could be ordered."""
    finding: Finding = {"pointer": pointer, "code": code, "detail": detail, "remedy": remedy}
    return NotOrderableError(detail, remedy=remedy, errors=[finding])


def _look_up(*, offering: str, plan: str, version: str | None) -> Orderable:
    chosen = version_choose(offering=offering, version=version)
    if chosen.is_composed:
        detail = f"{offering} is a whole environment, not one resource."
        raise not_orderable("#/offering", "offering_composed", detail, ENSURE)
    plans = list(Plan.objects.filter(version=chosen))
    named = next((each for each in plans if each.slug == plan), None)
    if named is None or named.status != Availability.ACTIVE:
        raise _plan_refused(plan, named, plans)
    return orderable_of(version=chosen, plan=named)


def _version(offering: Offering, number: str | None) -> OfferingVersion:
    current, versions = offering.current, offering.newest_first
    if number is None:
        if current is not None and current.status != VersionStatus.RETIRED:
            return current
        detail = f"No version of {offering.slug} can be ordered any more."
        raise not_orderable("#/offering", "version_retired", detail, "Choose another offering.")
    named = next((each for each in versions if each.version == number), None)
    if named is not None and named.status != VersionStatus.RETIRED:
        return named
    choices = _listed(each.version for each in versions if each.status != VersionStatus.RETIRED)
    if named is None:
        raise not_orderable(
            "#/version", "version_unknown", f"{offering.slug} has no version {_quoted(number)}.", choices
        )
    raise not_orderable("#/version", "version_retired", f"Version {number} of {offering.slug} is retired.", choices)


def _offering_refused(slug: str, found: Offering | None) -> NotOrderableError:
    active = Offering.objects.filter(status=Availability.ACTIVE, versions__isnull=False).distinct()
    choices = _listed(active.order_by("slug").values_list("slug", flat=True))
    if found is None:
        return not_orderable("#/offering", "unknown_offering", f"There is no offering {_quoted(slug)}.", choices)
    return not_orderable("#/offering", "offering_retired", f"Offering {slug} is retired.", choices)


def _plan_refused(slug: str, found: Plan | None, plans: list[Plan]) -> NotOrderableError:
    choices = _listed(each.slug for each in plans if each.status == Availability.ACTIVE)
    if found is None:
        return not_orderable("#/plan", "unknown_plan", f"There is no plan {_quoted(slug)}.", choices)
    return not_orderable("#/plan", "plan_retired", f"Plan {slug} is retired.", choices)


def _quoted(name: str) -> str:
    return repr(name[:80])


def _listed(names: Iterable[str]) -> str:
    choices = ", ".join(names)
    return f"Choose one of: {choices}." if choices else "There is none to choose at present."
