"""Requests on the admin site: the list, and the whole story of one on one page."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from governance.models import PolicyDecision
from platform_api.core.admin.cells import Mono, Prose, Ref, Status
from platform_api.core.admin.filters import SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Group, Section, Table
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.admin.events import correlation_link, events_section
from platform_api.tenancy.admin.filters import ProjectFilter, TeamOfProjectFilter
from platform_api.tenancy.admin.reading import ReadOnlyAdmin
from provisioning.admin.filters import (
    OfferingFilter,
    OperationFilter,
    RequesterFilter,
    RequestStatusFilter,
    ResourceFilter,
)
from provisioning.admin.parts import failure_section, ordered_rows, requester_of, run_sections
from provisioning.models import ProvisioningRequest
from provisioning.selectors.stories import EVENTS, RUNS, RequestStory, request_story, requests_listed


class ProvisioningRequestAdmin(ReadOnlyAdmin):
    """Who asked for what, and what came of it."""

    of = ProvisioningRequest
    prefix = Prefix.PROVISIONING_REQUEST
    plural = "Requests"
    about = "Who asked for what, why, and what came of it."
    list_display = ("what", "status_shown", "offering", "place", "requester", "created_at")
    list_filter = (
        TeamOfProjectFilter,
        ProjectFilter,
        OfferingFilter,
        RequestStatusFilter,
        OperationFilter,
        RequesterFilter,
        ResourceFilter,
        SinceFilter,
        UntilFilter,
    )
    search_fields = ("resource__name__startswith", "ticket__exact", "correlation_id__exact")
    search_help_text = "An id, the beginning of a resource's name, a ticket, or a correlation id."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return requests with what names them."""
        return requests_listed()

    @admin.display(description="request")
    def what(self, row: ProvisioningRequest) -> object:
        """Return what was asked for."""
        return f"{row.operation} {row.resource.name}"

    @admin.display(description="offering")
    def offering(self, row: ProvisioningRequest) -> object:
        """Return what was ordered."""
        return f"{row.offering_version.offering.slug} {row.offering_version.version}, {row.plan.slug}"

    @admin.display(description="where")
    def place(self, row: ProvisioningRequest) -> object:
        """Return where."""
        return f"{row.project.team.slug} / {row.project.slug} / {row.environment.name}"

    @admin.display(description="by")
    def requester(self, row: ProvisioningRequest) -> object:
        """Return who asked."""
        return requester_of(row)

    def heading(self, thing: ProvisioningRequest) -> str:
        """Return what was asked for."""
        return f"{thing.get_operation_display()} {thing.resource.name}"

    def sections(self, request: HttpRequest, thing: ProvisioningRequest) -> Sequence[Section]:
        """Return the whole story."""
        story = request_story(thing)
        more_events = f"The first {EVENTS} are shown." if story.has_more_events else ""
        return [
            _asked(thing),
            Facts(title="What was asked for", rows=ordered_rows(thing)),
            *failure_section(thing.failure),
            *_judged(story),
            _quota(thing),
            Table(title="Approvals", columns=(), rows=(), nothing="None needed."),
            *_runs(story),
            events_section(story.events, note=more_events),
        ]


def _asked(request: ProvisioningRequest) -> Section:
    return Facts(
        title="Who asked, and why",
        rows=[
            ("Resource", Ref(prefix=Prefix.RESOURCE, id=request.resource_id, text=request.resource.name)),
            ("By", requester_of(request)),
            ("Kind of caller", request.requested_by_kind),
            ("On behalf of", request.on_behalf_of),
            ("When", request.created_at),
            ("Completed", request.completed_at),
            ("Why", Prose(request.reason)),
            ("Ticket", request.ticket),
            ("Team", Ref(prefix=Prefix.TEAM, id=request.project.team_id, text=request.project.team.slug)),
            ("Project", Ref(prefix=Prefix.PROJECT, id=request.project_id, text=request.project.slug)),
            ("Environment", Ref(prefix=Prefix.ENVIRONMENT, id=request.environment_id, text=request.environment.name)),
            ("Intent of the resource", f"number {request.generation}"),
            ("Correlation id", correlation_link(request.correlation_id)),
        ],
    )


def _judged(story: RequestStory) -> list[Section]:
    if not story.decisions:
        return [Table(title="Policy decision", columns=(), rows=(), nothing="None.")]
    return [_decision(decision) for decision in story.decisions]


def _decision(decision: PolicyDecision) -> Section:
    return Table(
        title=f"Policy decision: {decision.outcome}",
        note=f"Of the {decision.stage}, by policy set {decision.set_id or 'unknown'} version {decision.set_version}, "
        f"in {decision.milliseconds:.0f} ms. Digest {decision.set_digest or 'unknown'}",
        columns=("Policy", "Level", "Outcome", "What it said"),
        rows=[
            (
                Mono(str(result.get("id", ""))),
                str(result.get("level", "")).replace("_", " "),
                Status(str(result.get("outcome", ""))),
                Prose(str(result.get("detail") or "")),
            )
            for result in decision.results
        ],
        nothing="No policy had a word to say.",
    )


def _quota(request: ProvisioningRequest) -> Section:
    return Table(
        title="Quota taken",
        columns=("Of", "Kind", "Requested", "Held after", "Limit"),
        rows=[
            (Mono(item["scope"]), Mono(item["kind"]), item["requested"], item["used"], item["limit"])
            for item in request.quota
        ],
    )


def _runs(story: RequestStory) -> list[Section]:
    if not story.runs:
        return [Table(title="Runs", columns=(), rows=(), nothing="None.")]
    earlier = f"The newest {RUNS} runs are shown." if story.has_more_runs else ""
    return [
        Group(
            title=f"Run {show(Prefix.RUN, run.pk)}",
            key=Ref(prefix=Prefix.RUN, id=run.pk, text="Page of this run"),
            status=run.status,
            note=earlier if number == 0 else "",
            parts=run_sections(run, log),
        )
        for number, (run, log) in enumerate(story.runs)
    ]
