"""Offerings as the catalog shows them. Everybody who may read the catalog sees the same one."""

import re
from collections.abc import Collection
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from catalog.models import Offering, OfferingVersion, Plan
from catalog.models.generations import CATALOG
from catalog.models.offerings import LONG_COLUMNS, Availability, OfferingKind, VersionStatus
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix, UnknownIdError, is_id, parse
from platform_api.core.keeping import Kept
from platform_api.tenancy.models.teams import SLUG_PATTERN

_newest: Kept[UUID, str | None] = Kept(setting="CATALOG_AGE_SECONDS", generation=CATALOG)


def offerings_visible(
    *, caller: Caller, kind: OfferingKind | None = None, tag: str | None = None
) -> QuerySet[Offering]:
    """Return the offerings in the catalog, with versions and plans, in three queries.

    Args:
        caller: Who asks; overseers see retired offerings too.
        kind: Only those of a kind.
        tag: Only those with a published version that has this tag.
    """
    offerings = _with_versions()
    if not caller.is_overseer:
        offerings = offerings.filter(status=Availability.ACTIVE)
    if kind is not None:
        offerings = offerings.filter(kind=kind)
    if tag is not None:
        tagged = OfferingVersion.objects.filter(status=VersionStatus.PUBLISHED, manifest__tags__contains=[tag])
        offerings = offerings.filter(pk__in=tagged.values("offering"))
    return offerings


def offering_get(*, offering: str) -> Offering:
    """Return an offering by slug or id, with versions and plans; a retired one too, for its resources live on.

    Raises:
        UnknownIdError: There is none.
    """
    if is_id(Prefix.OFFERING, offering):
        named = Q(pk=parse(Prefix.OFFERING, offering))
    elif re.match(SLUG_PATTERN, offering):
        named = Q(slug=offering)
    else:
        raise UnknownIdError  # no offering can have this name, and PostgreSQL would not even compare some
    found = _with_versions().filter(named).first()
    if found is None:
        raise UnknownIdError
    return found


def current_of(offering: Offering) -> OfferingVersion:
    """Return the version that an offering is shown as; every offering that is shown has one."""
    if offering.current is None:
        raise TypeError("an offering that is shown has a version")
    return offering.current


def long_columns(through: str, *, but: Collection[str] = ()) -> list[str]:
    """Return what to defer where rows are read together with their versions.

    Args:
        through: The rows' foreign key to a version.
        but: Columns of the version that are read all the same.
    """
    return [f"{through}__{column}" for column in LONG_COLUMNS if column not in but]


def newest_versions(offering_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the highest published version of each offering, in one query; one without any is left out."""
    published = OfferingVersion.objects.filter(offering__in=offering_ids, status=VersionStatus.PUBLISHED)
    newest: dict[UUID, OfferingVersion] = {}
    for version in published.only("offering", "version"):
        known = newest.get(version.offering_id)
        if known is None or version.order > known.order:
            newest[version.offering_id] = version
    return {offering_id: version.version for offering_id, version in newest.items()}


def newest_version(offering_id: UUID) -> str | None:
    """Return the highest published version of an offering, kept until the catalog changes."""
    return _newest.get(offering_id, lambda: newest_versions([offering_id]).get(offering_id))


def _with_versions() -> QuerySet[Offering]:
    plans = Prefetch("plans", queryset=Plan.objects.order_by("id"))
    return (
        Offering.objects.prefetch_related(
            Prefetch("versions", queryset=OfferingVersion.objects.prefetch_related(plans).order_by("id"))
        )
        .filter(versions__isnull=False)
        .distinct()
    )
