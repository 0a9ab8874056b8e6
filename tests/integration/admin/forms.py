"""The forms of the admin site as tests send them, and what is recorded of it."""

from typing import Any

from django.http import HttpResponse
from django.test import Client

from platform_api.audit.models import AuditEvent, Outcome
from platform_api.core.ids import Prefix
from tests.integration.admin.site import contents, list_of, page_of
from tests.people import People

URL = "postgresql://admin:hunter2@db.example.com:5432/postgres"

CONNECTION = {
    "slug": "second",
    "kind": "postgres",
    "tiers": ["staging", "development"],
    "teams": "shop",
    "host": "db.example.com",
    "port": "5432",
    "admin_url": URL,
    "pool": "team-a",
    "is_active": "on",
}
"""What is sent to make a connection."""


def add(client: Client, plural: str, **form: Any) -> Any:
    """Send the form for a new thing."""
    return client.post(f"{list_of(plural)}add/", form)


def change(client: Client, plural: str, prefix: Prefix, thing: Any, **form: Any) -> Any:
    """Send the form on a thing's page."""
    return client.post(page_of(plural, prefix, thing.pk), form)


def newest_events() -> list[AuditEvent]:
    """Return what was recorded of sessions, the oldest first."""
    return list(AuditEvent.objects.filter(auth_method="session").order_by("pk"))


def only_event(action: str, people: People) -> AuditEvent:
    """Return the one event there is, and check who it says did it."""
    (event,) = newest_events()
    assert (event.action, event.outcome) == (action, Outcome.SUCCEEDED)
    assert (event.actor_id, event.actor_name, event.ip) == (people.admin.user.pk, "admin", "127.0.0.1")
    assert len(event.correlation_id) >= 8
    return event


def assert_only_refused(before: dict[str, str], code: str) -> None:
    """Check that nothing but the record of a refusal came after some contents, and that no secret is in it."""
    after, newest = contents(), newest_events()[-1]
    assert {table for table in after if after[table] != before[table]} == {"audit_event"}
    assert (newest.action, newest.code) == ("call.refused", code)
    assert "hunter2" not in str(AuditEvent.objects.values().get(pk=newest.pk))


def is_done(answer: HttpResponse) -> bool:
    """Tell whether a form was taken: the browser is led on."""
    return answer.status_code == 302 and answer.headers["Location"].startswith("/admin/")
