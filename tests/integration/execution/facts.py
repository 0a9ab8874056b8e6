"""What the execution tests look at: audit trail, quota, log and tables as plain values."""

from typing import Any
from uuid import UUID

from django.db import connection

from governance.models import Quota
from governance.selectors.quotas import quota_reconcile
from platform_api.audit.models import AuditEvent
from provisioning.models import LogLine, Resource
from tests.people import People

TABLES = (
    "run",
    "resource",
    "provisioning_request",
    "log_line",
    "state_version",
    "plan_file",
    "quota",
    "audit_event",
    "credential",
)


def actions(*object_ids: UUID) -> list[str]:
    """Return what happened to these objects, oldest first."""
    return list(AuditEvent.objects.filter(object_id__in=object_ids).order_by("id").values_list("action", flat=True))


def points(people: People) -> tuple[int, int]:
    """Return the project's (reserved, used) points, and check all counters against the ledger on the way."""
    assert quota_reconcile() == []
    quota = Quota.objects.get(scope_id=people.checkout.pk, kind="points")
    return quota.reserved, quota.used


def log(run_id: UUID) -> list[str]:
    """Return the run's lines, and check that they are numbered from 1 without a gap."""
    rows = list(LogLine.objects.filter(run_id=run_id).order_by("sequence").values_list("sequence", "line"))
    assert [sequence for sequence, _ in rows] == list(range(1, len(rows) + 1))
    return [line for _, line in rows]


def tables() -> dict[str, list[Any]]:
    """Return everything that a worker may write to, row by row."""
    with connection.cursor() as cursor:
        content = {}
        for table in TABLES:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
            content[table] = cursor.fetchall()
    return content


def resource_of(resource_id: UUID) -> Resource:
    return Resource.objects.select_related("plan", "project__team").get(pk=resource_id)
