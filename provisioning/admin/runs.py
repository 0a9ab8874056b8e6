"""Runs on the admin site."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from platform_api.core.admin.cells import Ref
from platform_api.core.admin.filters import SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import correlation_link, history_section
from platform_api.tenancy.admin.filters import ProjectFilter, TeamOfProjectFilter
from platform_api.tenancy.admin.reading import ReadOnlyAdmin
from provisioning.admin.filters import (
    OfferingFilter,
    OperationFilter,
    ResourceFilter,
    RunRequesterFilter,
    RunStatusFilter,
)
from provisioning.admin.parts import ordered_rows, requester_of, run_sections
from provisioning.models import Run
from provisioning.selectors.stories import run_log, runs_listed, runs_told


class RunAdmin(ReadOnlyAdmin):
    """Executions."""

    of = Run
    prefix = Prefix.RUN
    plural = "Runs"
    about = "Executions of Terraform, each for one resource."
    list_display = ("what", "status_shown", "offering", "place", "attempt", "created_at", "finished_at")
    list_filter = (
        TeamOfProjectFilter,
        ProjectFilter,
        OfferingFilter,
        RunStatusFilter,
        OperationFilter,
        RunRequesterFilter,
        ResourceFilter,
        SinceFilter,
        UntilFilter,
    )
    search_fields = ("resource__name__startswith", "correlation_id__exact")
    search_help_text = "An id, the beginning of a resource's name, or a correlation id."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return runs without what only a page shows."""
        return runs_listed()

    def get_page_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return runs with their plans and steps."""
        return runs_told()

    @admin.display(description="run")
    def what(self, run: Run) -> object:
        """Return what it is for."""
        return f"{run.operation} {run.resource.name}"

    @admin.display(description="offering")
    def offering(self, run: Run) -> object:
        """Return what is carried out."""
        return f"{run.offering_version.offering.slug} {run.offering_version.version}, {run.plan.slug}"

    @admin.display(description="where")
    def place(self, run: Run) -> object:
        """Return whose it is."""
        return f"{run.project.team.slug} / {run.project.slug}"

    def heading(self, thing: Run) -> str:
        """Return what it is for."""
        return f"{thing.get_operation_display()} {thing.resource.name}"

    def sections(self, request: HttpRequest, thing: Run) -> Sequence[Section]:
        """Return what the run is for, what it did, and its events."""
        asked = thing.provisioning_request
        return [
            Facts(
                title="What it is for",
                rows=[
                    ("Request", Ref(prefix=Prefix.PROVISIONING_REQUEST, id=thing.provisioning_request_id)),
                    ("Resource", Ref(prefix=Prefix.RESOURCE, id=thing.resource_id, text=thing.resource.name)),
                    ("Asked for by", None if asked is None else requester_of(asked)),
                    ("Team", Ref(prefix=Prefix.TEAM, id=thing.project.team_id, text=thing.project.team.slug)),
                    ("Project", Ref(prefix=Prefix.PROJECT, id=thing.project_id, text=thing.project.slug)),
                    *ordered_rows(thing),
                    ("Correlation id", correlation_link(thing.correlation_id)),
                ],
            ),
            *run_sections(thing, run_log(thing.pk)),
            history_section(self.prefix, thing.pk),
        ]
