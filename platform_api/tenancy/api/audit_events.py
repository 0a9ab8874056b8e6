"""The audit trail as auditors and admins of teams read it. It needs roles, so it is answered here and not in audit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request

from platform_api.audit.models import AuditEvent, Outcome
from platform_api.audit.selectors.events import events_readable
from platform_api.core.http.filters import MAX_LENGTH, Choice, Filter, FilterInvalidError, Text, between, shorten
from platform_api.core.http.paging import Places
from platform_api.core.http.views import ListView
from platform_api.core.ids import PREFIX_OF_KIND, Prefix, UnknownIdError, read, show
from platform_api.core.shapes import EventId, Shape
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.selectors.projects import RoleMissingError, audit_places, audit_scope


class ActorShape(Shape):
    """Who did it, as they were called then."""

    id: str | None
    name: str
    kind: str
    token: str | None
    auth_method: str
    ip: str | None


class ObjectShape(Shape):
    """What it was done to, as it was called then."""

    type: str
    id: str | None
    name: str


class EventShape(Shape):
    """Who did what, to what, why, with what result."""

    id: EventId
    at: datetime
    action: str
    """What was done, e.g. `run.applied`."""

    outcome: str
    code: str | None
    """Of a refusal or a failure."""

    reason: str | None
    actor: ActorShape
    object: ObjectShape
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    policy_decision: Any
    correlation_id: str
    """The exchange that it began with."""


def _id(prefix: Prefix | None, value: UUID | None) -> str | None:
    return None if value is None or prefix is None else show(prefix, value)


def event_shape(event: AuditEvent) -> EventShape:
    """Return an event as it is read."""
    return EventShape(
        id=show(Prefix.AUDIT_EVENT, event.pk),
        at=event.at,
        action=event.action,
        outcome=event.outcome,
        code=event.code or None,
        reason=event.reason or None,
        actor=ActorShape(
            id=_id(Prefix.USER, event.actor_id),
            name=event.actor_name,
            kind=event.actor_kind,
            token=_id(Prefix.API_TOKEN, event.token_id),
            auth_method=event.auth_method,
            ip=event.ip,
        ),
        object=ObjectShape(
            type=event.object_type,
            id=_id(PREFIX_OF_KIND.get(event.object_type), event.object_id),
            name=event.object_name,
        ),
        before=event.before,
        after=event.after,
        policy_decision=event.policy_decision,
        correlation_id=event.correlation_id,
    )


@dataclass(frozen=True, kw_only=True)
class AnyId(Filter):
    """A thing by its id, of whatever kind it is."""

    @property
    def schema(self) -> dict[str, Any]:
        """Its type for the OpenAPI document."""
        return {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH}

    def read(self, name: str, text: str) -> UUID:
        """Return the id as it is stored."""
        with suppress(UnknownIdError):
            return read(text)[1]
        msg = f"{shorten(text)} is no id."
        raise FilterInvalidError(msg, remedy="Use an id as the API shows it, e.g. req_….")


class AuditEventList(ListView):
    """The audit trail: all of it for auditors, that of their teams and projects for admins."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.AUDIT_READ}
    noun = "audit_event"
    shape = EventShape
    raises = (RoleMissingError,)
    filters: ClassVar[Mapping[str, Filter]] = {
        "object": AnyId(description="Id: only what was done to it.", lookup="object_id"),
        "action": Text(
            description="E.g. run.applied.", lookup="action", pattern=r"[a-z_]+\.[a-z_]+", form="E.g. run.applied."
        ),
        "outcome": Choice(description="How it ended.", lookup="outcome", choices=tuple(Outcome.values)),
        "correlation_id": Text(
            description="Only one exchange, and the work that followed from it.",
            lookup="correlation_id",
            pattern=r"[A-Za-z0-9_-]{1,64}",
            form="Use the Correlation-Id of an answer.",
            max_length=64,
        ),
        **between("at", name="at"),
    }

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return readable events.

        Raises:
            RoleMissingError: The caller may read nobody's.
        """
        return events_readable(**audit_scope(caller=caller_of(request)))

    def places(self, request: Request) -> Sequence[Places]:
        """Return the teams and projects whose events these are."""
        places = audit_places(caller=caller_of(request))
        if places is None:
            return ()
        teams, projects = places
        return Places(rows=teams, column="team_id"), Places(rows=projects, column="project_id")

    def show(self, row: AuditEvent) -> EventShape:
        """Return one event in its shape."""
        return event_shape(row)
