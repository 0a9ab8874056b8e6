"""Connections on the admin site: made and changed by a service, sound or not at all, their secret never shown."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client

from catalog.models import Connection
from catalog.models.connections import ConnectionKind
from catalog.services.connections import connection_credentials
from platform_api.audit.models import AuditEvent
from platform_api.core.ids import Prefix
from tests.factories import ADMIN_PASSWORD, Orders
from tests.integration.admin.forms import (
    CONNECTION,
    URL,
    add,
    assert_only_refused,
    change,
    is_done,
    newest_events,
    only_event,
)
from tests.integration.admin.site import contents, page_of, text_of
from tests.people import People

pytestmark = pytest.mark.django_db

VALKEY_URL = "redis://admin:hunter2@queues.example.com:6379/0"


def version_of(client: Client, connection: Connection) -> str:
    """Return what a connection's page has in its form to tell by whether somebody else has changed it since."""
    page = client.get(page_of("Connections", Prefix.CONNECTION, connection.pk)).content.decode()
    (version,) = re.findall(r'<input type="hidden" name="version" value="([^"]+)"', page)
    return str(version)


def test_a_connection_is_made_and_its_secret_is_sealed_and_never_shown(admin: Client, people: People) -> None:
    assert people.shop.slug == "shop"
    assert is_done(add(admin, "Connections", **CONNECTION))
    connection = Connection.objects.get(slug="second")
    assert connection_credentials(connection=connection) == {"url": URL}
    event = only_event("connection.created", people)
    assert event.after == {
        "kind": "postgres",
        "tiers": ["development", "staging"],
        "endpoint": {"host": "db.example.com", "port": 5432},
        "is_active": True,
        "pool": "team-a",
        "teams": ["shop"],
        "credentials_changed": True,
    }
    assert "hunter2" not in str(AuditEvent.objects.values())
    page = admin.get(page_of("Connections", Prefix.CONNECTION, connection.pk)).content.decode()
    assert "hunter2" not in page
    field = re.search(r'<input type="password" name="admin_url"[^>]*>', page)
    assert field
    assert "value" not in field[0]


def test_a_connection_keeps_its_secret_unless_another_is_given(admin: Client, orders: Orders) -> None:
    connection = orders.target

    def changed_to(**secret: str) -> HttpResponse:
        form = {"tiers": ["production"], "teams": "", "host": "new.example.com", "port": "6000", "pool": "default"}
        form |= secret
        version = version_of(admin, connection)
        answer: HttpResponse = change(admin, "Connections", Prefix.CONNECTION, connection, version=version, **form)
        return answer

    assert is_done(changed_to())
    event = only_event("connection.changed", orders.people)
    assert event.after is not None
    assert (event.after["credentials_changed"], event.after["is_active"]) == (False, False)
    assert ADMIN_PASSWORD in connection_credentials(connection=Connection.objects.get(pk=connection.pk))["url"]
    assert is_done(changed_to(admin_url=URL))
    changed = newest_events()[-1]
    assert changed.after is not None
    assert changed.after["credentials_changed"] is True
    assert connection_credentials(connection=Connection.objects.get(pk=connection.pk)) == {"url": URL}
    assert is_done(changed_to())
    assert len(newest_events()) == 2
    assert "hunter2" not in str(AuditEvent.objects.values())


def test_a_connection_is_changed_only_by_who_saw_it_as_it_is(admin: Client, orders: Orders) -> None:
    connection = orders.target
    form = {"tiers": ["production"], "teams": "", "host": "new.example.com", "port": "6000", "pool": "default"}
    form |= {"is_active": "on", "version": version_of(admin, connection)}
    assert is_done(change(admin, "Connections", Prefix.CONNECTION, connection, **form))
    only_event("connection.changed", orders.people)
    form |= {"host": "old.example.com", "admin_url": URL}
    answer = change(admin, "Connections", Prefix.CONNECTION, connection, **form)
    assert answer.status_code == 200
    assert "main was changed at" in text_of(answer)
    assert "Read it again, and decide again." in text_of(answer)
    refused = newest_events()[-1]
    assert (refused.action, refused.code) == ("call.refused", "version_mismatch")
    kept = Connection.objects.get(pk=connection.pk)
    assert kept.endpoint == {"host": "new.example.com", "port": 6000}
    assert ADMIN_PASSWORD in connection_credentials(connection=kept)["url"]


UNUSABLE_URLS = [
    ("postgres", "nonsense", "is not of the form postgresql://"),
    ("postgres", "postgresql://[::1", "is not of the form postgresql://"),
    ("postgres", VALKEY_URL, "is not of the form postgresql://"),
    ("postgres", "postgresql://admin@db.example.com/postgres", "is not of the form postgresql://"),
    ("postgres", "postgresql://admin:hunter2@db.example.com:99999/postgres", "is not of the form postgresql://"),
    ("postgres", f"{URL}?password=hunter2", "has options other than sslmode and sslrootcert"),
    ("valkey", URL, "is not of the form redis://"),
    ("valkey", "valkey://admin:hunter2@queues.example.com:6379/0", "is not of the form redis://"),
    ("valkey", "rediss://admin:hunter2@queues.example.com:6379/0", "is not of the form redis://"),
    ("valkey", "redis://admin:hunter2@queues.example.com:0/0", "is not of the form redis://"),
    ("valkey", "redis://admin:hunter2@queues.example.com:6379/7", "there is only database 0"),
]
"""Kind, a URL that the provider cannot use for it, and what is said."""


@pytest.mark.parametrize(("kind", "url", "problem"), UNUSABLE_URLS)
def test_a_connection_is_not_made_with_a_url_that_no_run_could_use(
    admin: Client, people: People, kind: str, url: str, problem: str
) -> None:
    assert people.shop.slug == "shop"
    admin.get("/admin/")
    before = contents()
    answer = add(admin, "Connections", **{**CONNECTION, "kind": kind, "admin_url": url})
    assert answer.status_code == 200
    assert problem in text_of(answer)
    assert_only_refused(before, "connection_credentials_refused")
    assert "hunter2" not in answer.content.decode()


@pytest.mark.parametrize(("kind", "url", "problem"), UNUSABLE_URLS)
def test_a_connection_does_not_change_to_a_url_that_no_run_could_use(
    admin: Client, people: People, kind: str, url: str, problem: str
) -> None:
    sound = {"postgres": URL, "valkey": VALKEY_URL}[kind]
    assert is_done(add(admin, "Connections", **{**CONNECTION, "kind": kind, "teams": "", "admin_url": sound}))
    connection = Connection.objects.get(slug="second")
    form = {"tiers": ["production"], "teams": "", "host": "new.example.com", "port": "6000", "pool": "default"}
    form["admin_url"] = url
    form["version"] = version_of(admin, connection)
    before = contents()
    answer = change(admin, "Connections", Prefix.CONNECTION, connection, **form)
    assert answer.status_code == 200
    assert problem in text_of(answer)
    assert_only_refused(before, "connection_credentials_refused")
    assert "hunter2" not in answer.content.decode()
    assert connection_credentials(connection=connection) == {"url": sound}
    assert people.admin.user.is_platform_admin


def test_a_connections_slug_is_taken_once(admin: Client, orders: Orders) -> None:
    assert orders.target.slug == "main"
    assert orders.people.shop.slug == "shop"
    answer = add(admin, "Connections", **{**CONNECTION, "slug": "main"})
    assert "There is a connection main already." in text_of(answer)
    assert Connection.objects.count() == 1


def test_a_connection_that_is_reached_without_a_url_is_not_changed_by_the_form_for_urls(
    admin: Client, orders: Orders
) -> None:
    connection = orders.target
    Connection.objects.filter(pk=connection.pk).update(kind=ConnectionKind.AWS)
    assert admin.get(page_of("Connections", Prefix.CONNECTION, connection.pk)).context["form"] is None
    before = contents()
    form = {"tiers": ["production"], "host": "evil.example.com", "port": "1", "version": str(connection.updated_at)}
    assert change(admin, "Connections", Prefix.CONNECTION, connection, **form).status_code == 409
    assert_only_refused(before, "form_not_applicable")
