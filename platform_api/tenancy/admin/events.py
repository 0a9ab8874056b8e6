"""Audit events on the admin site: the list, the page of one, and the part of other pages that tells them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from platform_api.audit.models import AuditEvent, Outcome
from platform_api.audit.selectors.stories import events_about
from platform_api.core.admin.cells import Excerpt, Json, Link, Mono, Prose, Ref, Status, ref_of_kind
from platform_api.core.admin.filters import ChoiceFilter, SinceFilter, TextFilter, ThingFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section, Table, newest
from platform_api.core.ids import KIND_OF_PREFIX, PREFIX_OF_KIND, Prefix
from platform_api.tenancy.admin.filters import ProjectFilter, TeamFilter
from platform_api.tenancy.admin.reading import ReadOnlyAdmin, list_url
from platform_api.tenancy.models import Project, Team, User

RELATED = 100

SHOWN_LENGTH = 8
"""Characters of a correlation id that tell exchanges of one story apart."""


class ActorFilter(TextFilter):
    """Who did it: a username, or a part of the platform such as ``worker``."""

    title, parameter_name = "actor", "actor"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return what a user did under whatever name, or what a part of the platform did."""
        user_id = User.objects.filter(username=text).values_list("pk", flat=True).first()
        return queryset.filter(Q(actor_name=text, actor_id=None) if user_id is None else Q(actor_id=user_id))


class ObjectFilter(ThingFilter):
    """What it was done to, by its id."""

    title, parameter_name, column = "object (id)", "object", "object_id"


class KindFilter(ChoiceFilter):
    """What kind of thing it was done to."""

    title, parameter_name, column = "kind of object", "kind", "object_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds that have ids, and the routes of refused calls."""
        return [(kind, kind.replace("_", " ")) for kind in sorted([*PREFIX_OF_KIND, "plan", "route"])]


class ActionFilter(TextFilter):
    """What was done, e.g. ``run.applied``."""

    title, parameter_name = "action", "action"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the events of one action."""
        return queryset.filter(action=text)


class OutcomeFilter(ChoiceFilter):
    """How it ended."""

    title, parameter_name, column = "outcome", "outcome", "outcome"
    words = Outcome


class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, to what, why, with what result."""

    of = AuditEvent
    prefix = Prefix.AUDIT_EVENT
    plural = "Audit events"
    about = "Who did what, to what, why, with what result. Nobody can change or delete them."
    list_display = ("when", "action", "outcome_shown", "what", "actor", "reason_shown")
    list_filter = (
        TeamFilter,
        ProjectFilter,
        ActorFilter,
        ActionFilter,
        OutcomeFilter,
        KindFilter,
        ObjectFilter,
        SinceFilter,
        UntilFilter,
    )
    search_fields = ("correlation_id__exact",)
    search_help_text = "An id, or a correlation id."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return events without what only a page shows."""
        return AuditEvent.objects.defer("before", "after", "policy_decision")

    def get_page_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return events as they were written down."""
        return AuditEvent.objects.all()

    @admin.display(description="when")
    def when(self, event: AuditEvent) -> object:
        """Return when it happened."""
        return event.at

    @admin.display(description="outcome")
    def outcome_shown(self, event: AuditEvent) -> object:
        """Return how it ended."""
        return Status(event.outcome)

    @admin.display(description="object")
    def what(self, event: AuditEvent) -> object:
        """Return what it was done to."""
        return object_of(event)

    @admin.display(description="actor")
    def actor(self, event: AuditEvent) -> object:
        """Return who did it."""
        return actor_of(event)

    @admin.display(description="why")
    def reason_shown(self, event: AuditEvent) -> object:
        """Return why, or the code of the refusal."""
        return why_of(event)

    def heading(self, thing: AuditEvent) -> str:
        """Return what was done to what."""
        return f"{thing.action} \N{MIDDLE DOT} {thing.object_name}"

    def status(self, thing: AuditEvent) -> str:
        """Return how it ended."""
        return thing.outcome

    def sections(self, request: HttpRequest, thing: AuditEvent) -> Sequence[Section]:
        """Return the event as it was written down, and what else belongs to its exchange."""
        team = thing.team_id and Team.objects.filter(pk=thing.team_id).first()
        project = thing.project_id and Project.objects.filter(pk=thing.project_id).first()
        related, note = newest(
            AuditEvent.objects.filter(correlation_id=thing.correlation_id).exclude(pk=thing.pk), RELATED
        )
        return [
            Facts(
                title="What happened",
                rows=[
                    ("When", thing.at),
                    ("Action", Mono(thing.action)),
                    ("Outcome", Status(thing.outcome)),
                    ("Code", Mono(thing.code)),
                    ("Object", object_of(thing)),
                    ("Kind of object", thing.object_type.replace("_", " ")),
                    ("Why", Prose(thing.reason)),
                    ("Team", Ref(prefix=Prefix.TEAM, id=thing.team_id, text=team.slug if team else "")),
                    ("Project", Ref(prefix=Prefix.PROJECT, id=thing.project_id, text=project.slug if project else "")),
                ],
            ),
            Facts(
                title="Who",
                rows=[
                    ("Actor", actor_of(thing)),
                    ("Kind", thing.actor_kind),
                    ("Identified by", thing.auth_method.replace("_", " ")),
                    ("Token", Ref(prefix=Prefix.API_TOKEN, id=thing.token_id)),
                    ("Address", Mono(thing.ip or "")),
                    ("Correlation id", correlation_link(thing.correlation_id)),
                ],
            ),
            Facts(
                title="What changed",
                rows=[
                    ("Before", Json(thing.before)),
                    ("After", Json(thing.after)),
                    ("Policy decision", Json(thing.policy_decision)),
                ],
            ),
            events_section(related[::-1], title="The rest of the exchange", note=note),
        ]


def history_section(prefix: Prefix, key: UUID) -> Table:
    """Return the part of a thing's page that tells what was done to it, the newest first.

    Args:
        prefix: Which kind of thing.
        key: Which one.
    """
    events, note = newest(events_about(kind=KIND_OF_PREFIX[prefix], key=key), RELATED)
    return events_section(events, note=note)


def events_section(events: Sequence[AuditEvent], *, title: str = "Audit events", note: str = "") -> Table:
    """Return the part of a page that tells events.

    Args:
        events: In the order in which they are told.
        title: Heading.
        note: Where there are more than these.
    """
    return Table(
        title=title,
        note=note,
        columns=("When", "Action", "Outcome", "Object", "Actor", "Why", "Correlation id"),
        rows=[
            (
                event.at,
                Ref(prefix=Prefix.AUDIT_EVENT, id=event.pk, text=event.action),
                Status(event.outcome),
                object_of(event),
                actor_of(event),
                why_of(event),
                correlation_link(event.correlation_id, length=SHOWN_LENGTH),
            )
            for event in events
        ],
    )


def object_of(event: AuditEvent) -> object:
    """Return what an event was done to."""
    return ref_of_kind(event.object_type, event.object_id, event.object_name)


def actor_of(event: AuditEvent) -> object:
    """Return who did it, as they were called then."""
    if event.actor_id is None:
        return event.actor_name
    return Ref(prefix=Prefix.USER, id=event.actor_id, text=event.actor_name)


def why_of(event: AuditEvent) -> object:
    """Return how the reason that was given begins, else the code of a refusal; the event's page tells the whole."""
    return Excerpt(event.reason) if event.reason else Mono(event.code)


def correlation_link(correlation_id: str, *, length: int | None = None) -> object:
    """Return the way to all events of an exchange.

    Args:
        correlation_id: The exchange; empty for none.
        length: How many characters are shown, from the end, by which neighbors differ; all where it is None.
    """
    if not correlation_id:
        return None
    is_cut = length is not None and len(correlation_id) > length
    text = f"…{correlation_id[-(length or 0) :]}" if is_cut else correlation_id
    return Link(list_url("audit_auditevent", q=correlation_id), Mono(text))
