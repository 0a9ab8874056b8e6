"""Environments on the admin site."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from platform_api.audit.selectors.stories import events_about
from platform_api.core.admin.cells import Ref, Status
from platform_api.core.admin.filters import ChoiceFilter, SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section, Table, newest
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.admin.events import events_section
from platform_api.tenancy.admin.filters import ProjectFilter, TeamFilter
from platform_api.tenancy.admin.reading import ReadOnlyAdmin, list_url
from provisioning.admin.parts import SHOWN
from provisioning.models import Environment, Resource
from provisioning.models.environments import Tier


class TierFilter(ChoiceFilter):
    """How much care it asks for."""

    title, parameter_name, column = "tier", "tier", "tier"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the tiers."""
        return [(tier.value, tier.label) for tier in Tier]


class EnvironmentAdmin(ReadOnlyAdmin):
    """Groups of resources."""

    of = Environment
    prefix = Prefix.ENVIRONMENT
    plural = "Environments"
    about = "Groups of resources in a project."
    list_display = ("name", "status_shown", "tier", "place", "expires", "when")
    list_filter = (TeamFilter, ProjectFilter, TierFilter, SinceFilter, UntilFilter)
    search_fields = ("name__startswith",)
    search_help_text = "An id, or the beginning of a name."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return environments with whose they are."""
        return Environment.objects.select_related("project__team")

    @admin.display(description="status")
    def status_shown(self, environment: Environment) -> object:
        """Return whether it is there."""
        return Status(self.status(environment))

    @admin.display(description="where")
    def place(self, environment: Environment) -> object:
        """Return whose it is."""
        return f"{environment.project.team.slug} / {environment.project.slug}"

    @admin.display(description="expires")
    def expires(self, environment: Environment) -> object:
        """Return when it goes."""
        return environment.expires_at

    @admin.display(description="made")
    def when(self, environment: Environment) -> object:
        """Return when it was made."""
        return environment.created_at

    def status(self, thing: Environment) -> str:
        """Return whether it is there."""
        return "closed" if thing.closed_at is not None else thing.desired

    def sections(self, request: HttpRequest, thing: Environment) -> Sequence[Section]:
        """Return the environment, what is in it, and its events."""
        events, more_events = newest(events_about(kind="environment", key=thing.pk), SHOWN)
        return [self._facts(thing), self._resources(thing), events_section(events[::-1], note=more_events)]

    def _facts(self, thing: Environment) -> Section:
        return Facts(
            title="Environment",
            rows=[
                ("Name", thing.name),
                ("Tier", Tier(thing.tier).label),
                ("Desired", Status(thing.desired)),
                ("Team", Ref(prefix=Prefix.TEAM, id=thing.project.team_id, text=thing.project.team.slug)),
                ("Project", Ref(prefix=Prefix.PROJECT, id=thing.project_id, text=thing.project.slug)),
                ("Expires", thing.expires_at),
                ("Closed", thing.closed_at),
                ("Made", thing.created_at),
            ],
        )

    def _resources(self, thing: Environment) -> Section:
        resources, note = newest(Resource.objects.filter(environment=thing).defer("parameters", "outputs"), SHOWN)
        return Table(
            title="Resources",
            note=note,
            more_url=list_url("provisioning_resource", environment=show(self.prefix, thing.pk)) if note else "",
            columns=("Resource", "Kind", "Status", "By", "When"),
            rows=[
                (
                    Ref(prefix=Prefix.RESOURCE, id=each.pk, text=each.name),
                    each.kind,
                    Status(each.status),
                    Ref(prefix=Prefix.USER, id=each.created_by_id, text=each.created_by_name),
                    each.created_at,
                )
                for each in resources
            ],
        )
