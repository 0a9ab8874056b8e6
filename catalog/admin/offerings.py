"""Offerings and their versions on the admin site: what could be ordered, since when, and by whose word."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.models import Offering, OfferingVersion, Plan
from catalog.models.offerings import LONG_COLUMNS, OfferingKind, VersionStatus
from platform_api.core.admin.cells import Json, Mono, Ref, Status
from platform_api.core.admin.filters import ChoiceFilter, SinceFilter, TextFilter, UntilFilter, suggestions
from platform_api.core.admin.sections import Facts, Section, Table, newest
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.reading import ReadOnlyAdmin

SHOWN = 100


class KindFilter(ChoiceFilter):
    """What kind of thing it is."""

    title, parameter_name, column = "kind", "kind", "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds."""
        return [(kind.value, kind.label) for kind in OfferingKind]


class OfferingFilter(TextFilter):
    """The offering, by slug."""

    title, parameter_name = "offering", "offering"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Suggest offerings."""
        return suggestions(Offering, "slug")

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the versions of an offering."""
        return queryset.filter(offering__slug=text)


class StatusFilter(ChoiceFilter):
    """Where a version stands."""

    title, parameter_name, column = "status", "status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the statuses."""
        return [(status.value, status.value) for status in VersionStatus]


class OfferingAdmin(ReadOnlyAdmin):
    """What can be ordered."""

    of = Offering
    prefix = Prefix.OFFERING
    plural = "Offerings"
    about = "What can be ordered, or could be."
    list_display = ("slug", "kind", "status_shown", "made")
    list_filter = (KindFilter, SinceFilter, UntilFilter)
    search_fields = ("slug__startswith",)
    search_help_text = "An id, or the beginning of a slug."

    @admin.display(description="status")
    def status_shown(self, offering: Offering) -> object:
        """Return whether it can be ordered."""
        return Status(offering.status)

    @admin.display(description="made")
    def made(self, offering: Offering) -> object:
        """Return when it came into the catalog."""
        return offering.created_at

    def sections(self, request: HttpRequest, thing: Offering) -> Sequence[Section]:
        """Return the offering, its versions, and its events."""
        versions, more_versions = newest(versions_listed().filter(offering=thing), SHOWN)
        return [
            Facts(
                title="Offering",
                rows=[
                    ("Slug", Mono(thing.slug)),
                    ("Kind", OfferingKind(thing.kind).label),
                    ("Status", Status(thing.status)),
                    ("Made", thing.created_at),
                ],
            ),
            Table(
                title="Versions",
                note=more_versions,
                columns=("Version", "Status", "Published", "By", "Digest"),
                rows=[
                    (
                        Ref(prefix=Prefix.OFFERING_VERSION, id=each.pk, text=each.version),
                        Status(each.status),
                        each.published_at,
                        each.published_by,
                        Mono(each.digest),
                    )
                    for each in versions
                ],
            ),
            history_section(self.prefix, thing.pk),
        ]


class OfferingVersionAdmin(ReadOnlyAdmin):
    """What was published; it never changes."""

    of = OfferingVersion
    prefix = Prefix.OFFERING_VERSION
    plural = "Offering versions"
    about = "What was published; a version never changes."
    list_display = ("what", "status_shown", "connection_kind", "published", "published_by")
    list_filter = (OfferingFilter, StatusFilter, SinceFilter, UntilFilter)
    search_fields = ("digest__startswith",)
    search_help_text = "An id, or the beginning of a module's digest."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return versions without what is long."""
        return versions_listed()

    @admin.display(description="version")
    def what(self, version: OfferingVersion) -> object:
        """Return what it is a version of."""
        return self.heading(version)

    @admin.display(description="status")
    def status_shown(self, version: OfferingVersion) -> object:
        """Return where it stands."""
        return Status(version.status)

    @admin.display(description="published")
    def published(self, version: OfferingVersion) -> object:
        """Return when it was published."""
        return version.published_at

    def heading(self, thing: OfferingVersion) -> str:
        """Return what it is a version of."""
        return f"{thing.offering.slug} {thing.version}"

    def sections(self, request: HttpRequest, thing: OfferingVersion) -> Sequence[Section]:
        """Return the version, its plans and parameters, and its events."""
        return [
            Facts(
                title="Version",
                rows=[
                    ("Offering", Ref(prefix=Prefix.OFFERING, id=thing.offering_id, text=thing.offering.slug)),
                    ("Version", thing.version),
                    ("Status", Status(thing.status)),
                    ("Needs", thing.get_connection_kind_display()),
                    ("Published", thing.published_at),
                    ("Published by", thing.published_by),
                    ("Sunset", thing.sunset_at),
                    ("Module's SHA-256", Mono(thing.digest)),
                ],
            ),
            Table(
                title="Plans",
                columns=("Plan", "Status", "Title", "Price a month", "Points"),
                rows=[
                    (
                        plan.slug,
                        Status(plan.status),
                        plan.title,
                        f"{plan.monthly_amount} {plan.currency}",
                        plan.quota_points,
                    )
                    for plan in Plan.objects.filter(version=thing)
                ],
            ),
            Facts(title="What it takes", rows=[("JSON Schema", Json(thing.parameters_schema))]),
            history_section(self.prefix, thing.pk),
        ]


def versions_listed() -> QuerySet[OfferingVersion]:
    """Return versions with their offerings, without what is long."""
    return OfferingVersion.objects.select_related("offering").defer(*LONG_COLUMNS)
