"""Audit events as a caller may read them."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from platform_api.audit.models import AuditEvent


def events_readable(
    *, is_overseer: bool, team_ids: Collection[UUID], project_ids: Collection[UUID]
) -> QuerySet[AuditEvent]:
    """Return the events that somebody may read.

    Args:
        is_overseer: Reads everything.
        team_ids: Teams whose events the caller may read.
        project_ids: Projects whose events the caller may read.
    """
    if is_overseer:
        return AuditEvent.objects.all()
    return AuditEvent.objects.filter(Q(team_id__in=list(team_ids)) | Q(project_id__in=list(project_ids)))
