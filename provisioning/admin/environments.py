"""Environments on the admin site."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest

from catalog.selectors.offerings import long_columns
from platform_api.core.admin.cells import Json, Prose, Ref, Status
from platform_api.core.admin.filters import ChoiceFilter, SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section, Table, newest
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.filters import ProjectFilter, TeamOfProjectFilter
from platform_api.tenancy.admin.reading import ReadOnlyAdmin, list_url
from provisioning.admin.filters import CreatorFilter, OfferingFilter
from provisioning.admin.parts import SHOWN
from provisioning.models import ComponentNeed, Environment, Resource
from provisioning.models.environments import Tier
from provisioning.selectors.environment_shapes import environment_status_of
from provisioning.selectors.environments import environments_listed, environments_told


class TierFilter(ChoiceFilter):
    """How much care it asks for."""

    title, parameter_name, column = "tier", "tier", "tier"
    words = Tier


class EnvironmentAdmin(ReadOnlyAdmin):
    """Groups of resources."""

    of = Environment
    prefix = Prefix.ENVIRONMENT
    plural = "Environments"
    about = "Groups of resources in a project."
    list_display = (
        "name",
        "desired_shown",
        "offering",
        "tier",
        "place",
        "creator",
        "expires_at",
        "closed_at",
        "created_at",
    )
    list_filter = (
        TeamOfProjectFilter,
        ProjectFilter,
        OfferingFilter,
        TierFilter,
        CreatorFilter,
        SinceFilter,
        UntilFilter,
    )
    search_fields = ("name__startswith",)
    search_help_text = "An id, or the beginning of a name."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return environments with whose they are, and what they were ordered as."""
        return environments_listed()

    def get_page_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return environments with what is in them, which says where they stand."""
        return environments_told()

    @admin.display(description="desired")
    def desired_shown(self, environment: Environment) -> object:
        """Return what its owners want; where it stands follows from all that is in it, which a page alone reads."""
        return Status(environment.desired)

    @admin.display(description="offering")
    def offering(self, environment: Environment) -> object:
        """Return what it was ordered as, if it was not made empty."""
        version = environment.offering_version
        return None if version is None else f"{version.offering.slug} {version.version}"

    @admin.display(description="by")
    def creator(self, environment: Environment) -> object:
        """Return who asked for it."""
        return Ref(prefix=Prefix.USER, id=environment.created_by_id, text=environment.created_by_name)

    @admin.display(description="where")
    def place(self, environment: Environment) -> object:
        """Return whose it is."""
        return f"{environment.project.team.slug} / {environment.project.slug}"

    def status(self, thing: Environment) -> str:
        """Return where it stands, in the word that the API has for it."""
        return environment_status_of(thing)

    def sections(self, request: HttpRequest, thing: Environment) -> Sequence[Section]:
        """Return the environment, what is in it, and its events."""
        return [
            Facts(title="Environment", rows=self._rows(thing)),
            *self._ordered(thing),
            self._resources(thing),
            history_section(self.prefix, thing.pk),
        ]

    def _rows(self, thing: Environment) -> list[tuple[str, object]]:
        return [
            ("Name", thing.name),
            ("Tier", Tier(thing.tier).label),
            ("Status", Status(self.status(thing))),
            ("Desired", Status(thing.desired)),
            ("Team", Ref(prefix=Prefix.TEAM, id=thing.project.team_id, text=thing.project.team.slug)),
            ("Project", Ref(prefix=Prefix.PROJECT, id=thing.project_id, text=thing.project.slug)),
            ("Made by", self.creator(thing)),
            ("Why", Prose(thing.reason)),
            ("Made", thing.created_at),
            ("Expires", thing.expires_at),
            ("Closed", thing.closed_at),
        ]

    def _ordered(self, thing: Environment) -> list[Section]:
        """Return what a composed one was ordered as; an empty one was ordered as nothing."""
        version = thing.offering_version
        if version is None:
            return []
        return [
            Facts(
                title="What was ordered",
                rows=[
                    ("Offering", Ref(prefix=Prefix.OFFERING, id=version.offering_id, text=version.offering.slug)),
                    ("Version", Ref(prefix=Prefix.OFFERING_VERSION, id=version.pk, text=version.version)),
                    ("Parameters", Json(thing.parameters)),
                    ("Source", Json(thing.source)),
                ],
            )
        ]

    def _resources(self, thing: Environment) -> Section:
        rows = Resource.objects.filter(environment=thing).defer(
            "parameters", "outputs", *long_columns("offering_version")
        )
        needs = ComponentNeed.objects.select_related("needed__resource").order_by("needed_id")
        resources, note = newest(
            rows.select_related("offering_version__offering", "plan", "component").prefetch_related(
                Prefetch("component__needs", queryset=needs)
            ),
            SHOWN,
        )
        return Table(
            title="Resources",
            note=note,
            more_url=list_url("provisioning_resource", environment=show(self.prefix, thing.pk)) if note else "",
            columns=("Resource", "Offering", "Status", "Needs", "By", "When"),
            rows=[
                (
                    Ref(prefix=Prefix.RESOURCE, id=each.pk, text=each.name),
                    f"{each.offering_version.offering.slug} {each.offering_version.version}, {each.plan.slug}",
                    Status(each.status),
                    self._needs(each),
                    Ref(prefix=Prefix.USER, id=each.created_by_id, text=each.created_by_name),
                    each.created_at,
                )
                for each in resources
            ],
        )

    def _needs(self, resource: Resource) -> object:
        """Return which others a component takes something of, and what."""
        component = getattr(resource, "component", None)
        if component is None:
            return None
        return [
            item
            for need in component.needs.all()
            for item in (
                Ref(prefix=Prefix.RESOURCE, id=need.needed_id, text=need.needed.name),
                *(f"{output} as {parameter}" for parameter, output in sorted(need.takes.items())),
            )
        ] or None
