"""Audit events by what they are about, in the order in which they happened."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from platform_api.audit.models import AuditEvent


def events_about(*, kind: str, key: UUID) -> QuerySet[AuditEvent]:
    """Return what was done to one thing.

    Args:
        kind: Its kind, as events name it.
        key: Its id.
    """
    return AuditEvent.objects.filter(object_type=kind, object_id=key)


def events_of_story(
    *, things: Collection[tuple[str, UUID]], correlation_id: str, project_id: UUID
) -> QuerySet[AuditEvent]:
    """Return what was done to some things, and all else that followed from one exchange.

    Args:
        things: Kind and id of each.
        correlation_id: The exchange. A caller may bring an id of its own and use it again, hence the project.
        project_id: Where it all happened.
    """
    wanted = Q(correlation_id=correlation_id, project_id=project_id)
    for kind, key in things:
        wanted |= Q(object_type=kind, object_id=key)
    return AuditEvent.objects.filter(wanted)
