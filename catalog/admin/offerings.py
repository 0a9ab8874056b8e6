"""Offerings and their versions on the admin site: what could be ordered, since when, and by whose word."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.models import Offering, OfferingVersion, Plan
from catalog.models.offerings import LONG_COLUMNS, OfferingKind, VersionStatus
from platform_api.core.admin.cells import Json, Mono, Ref, Status
from platform_api.core.admin.filters import ChoiceFilter, NamedFilter, SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section, Table, newest
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.reading import ReadOnlyAdmin

SHOWN = 100


class KindFilter(ChoiceFilter):
    """What kind of thing it is."""

    title, parameter_name, column = "kind", "kind", "kind"
    words = OfferingKind


class OfferingFilter(NamedFilter):
    """The offering."""

    title, parameter_name, column = "offering", "offering", "offering_id"
    model, noun = Offering, "offering"


class StatusFilter(ChoiceFilter):
    """Where a version stands."""

    title, parameter_name, column = "status", "status", "status"
    words = VersionStatus


class OfferingAdmin(ReadOnlyAdmin):
    """What can be ordered."""

    of = Offering
    prefix = Prefix.OFFERING
    plural = "Offerings"
    about = "What can be ordered, or could be."
    list_display = ("slug", "kind", "status_shown", "created_at")
    list_filter = (KindFilter, SinceFilter, UntilFilter)
    search_fields = ("slug__startswith",)
    search_help_text = "An id, or the beginning of a slug."

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
    list_display = ("what", "status_shown", "connection_kind", "published_at", "published_by")
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
