import io
import uuid
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from catalog.models import Connection
from catalog.models.connections import ConnectionKind, Tier
from catalog.selectors import connections
from catalog.selectors.connections import ConnectionMissingError, connection_for
from catalog.services.connections import (
    ConnectionCredentialsError,
    ConnectionKindError,
    connection_credentials,
    connection_ensure,
)
from platform_api.audit.models import AuditEvent
from platform_api.core import keeping
from platform_api.core.sealing import SealBrokenError
from platform_api.settings.components.fleet import FleetServer, fleet_database, fleet_valkey
from tests.people import TESTS, People

pytestmark = pytest.mark.django_db

SECRET = "hunter2"
URL = f"postgresql://admin:{SECRET}@db.example.com:6543/postgres"
SERVER = FleetServer(url=URL, host="db.example.com", port=6543)
VALKEY_URL = f"redis://admin:{SECRET}@queues.example.com:6380/0"
VALKEY = FleetServer(url=VALKEY_URL, host="queues.example.com", port=6380)


def ensure(slug: str = "main", **differences: Any) -> Connection:
    arguments: dict[str, Any] = {
        "kind": ConnectionKind.POSTGRES,
        "tiers": list(Tier),
        "endpoint": {"host": "db.example.com", "port": 6543},
        "credentials": {"url": URL},
        **differences,
    }
    return connection_ensure(slug=slug, caller=TESTS, **arguments)


def events() -> list[tuple[str, object]]:
    recorded = AuditEvent.objects.filter(object_type="connection").order_by("id")
    return [(event.action, event.after) for event in recorded]


def test_credentials_are_sealed_and_open_only_for_their_row() -> None:
    connection, other = ensure(), ensure("other")
    stored = Connection.objects.get(pk=connection.pk)
    assert SECRET.encode() not in bytes(stored.credentials)
    assert connection_credentials(connection=stored) == {"url": URL}
    other.credentials = stored.credentials
    with pytest.raises(SealBrokenError):
        connection_credentials(connection=other)


def test_secrets_never_reach_the_audit_trail() -> None:
    ensure()
    ensure(credentials={"url": URL.replace(SECRET, "hunter3")})
    assert [action for action, _ in events()] == ["connection.created", "connection.changed"]
    assert "hunter" not in str(list(AuditEvent.objects.values()))


def test_what_does_not_differ_is_not_written(people: People) -> None:
    first = ensure(teams=[people.shop])
    sealed = bytes(first.credentials)
    again = Connection.objects.get(pk=ensure(teams=[people.shop]).pk)
    assert bytes(again.credentials) == sealed
    assert again.updated_at == first.updated_at
    assert len(events()) == 1


def test_a_change_says_what_was_and_what_is(people: People) -> None:
    ensure()
    ensure(tiers=[Tier.STAGING], teams=[people.shop], endpoint={"host": "new.example.com", "port": 1})
    event = AuditEvent.objects.get(action="connection.changed")
    assert event.before == {
        "kind": "postgres",
        "tiers": ["development", "production", "staging"],
        "endpoint": {"host": "db.example.com", "port": 6543},
        "teams": [],
        "is_active": True,
        "pool": "default",
    }
    assert event.after == {
        "kind": "postgres",
        "tiers": ["staging"],
        "endpoint": {"host": "new.example.com", "port": 1},
        "teams": ["shop"],
        "is_active": True,
        "pool": "default",
        "credentials_changed": False,
    }


def test_a_connection_keeps_its_kind() -> None:
    ensure()
    with pytest.raises(ConnectionKindError, match="main is a connection to a postgres"):
        ensure(kind=ConnectionKind.VALKEY)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (ConnectionKind.POSTGRES, f"redis://admin:{SECRET}@queues.example.com:6380/0"),
        (ConnectionKind.POSTGRES, f"{URL}?password={SECRET}"),
        (ConnectionKind.VALKEY, f"redis://admin:{SECRET}@queues.example.com:6380/7"),
    ],
)
def test_credentials_that_no_run_could_use_are_refused_unquoted(kind: ConnectionKind, url: str) -> None:
    with pytest.raises(ConnectionCredentialsError, match="No run could use this URL") as caught:
        ensure(kind=kind, credentials={"url": url})
    assert SECRET not in str(caught.value)
    assert not Connection.objects.exists()
    assert events() == []


def test_credentials_that_our_provider_does_not_read_are_kept_as_they_are() -> None:
    account = {"role_arn": "arn:aws:iam::123456789012:role/slipway"}
    assert connection_credentials(connection=ensure(kind=ConnectionKind.AWS, credentials=account)) == account


@pytest.mark.parametrize("changes", [{"tiers": ["moon"]}, {"tiers": []}, {"kind": "mysql"}, {"slug": "Not A Slug"}])
def test_the_database_itself_knows_kinds_and_tiers(changes: dict[str, object]) -> None:
    connection = ensure()
    with pytest.raises(IntegrityError, match="connection_"), transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(**changes)


def test_a_team_gets_its_own_connection_before_one_for_all(people: People) -> None:
    for_all, own = ensure("a-for-all"), ensure("own", teams=[people.shop, people.rivals])
    assert connection_for(kind="postgres", tier="staging", team_id=people.shop.pk) == own
    assert connection_for(kind="postgres", tier="staging", team_id=uuid.uuid4()) == for_all


def test_among_equals_the_choice_is_always_the_same() -> None:
    second, first = ensure("b-second"), ensure("a-first")
    assert second != first
    assert connection_for(kind="postgres", tier="staging", team_id=uuid.uuid4()) == first


@pytest.mark.parametrize(
    "differences",
    [{"tiers": [Tier.PRODUCTION]}, {"kind": ConnectionKind.VALKEY, "credentials": {"url": VALKEY_URL}}],
)
def test_a_connection_for_others_is_none(differences: dict[str, Any]) -> None:
    ensure(**differences)
    with pytest.raises(ConnectionMissingError, match="no active postgres connection for the tier staging"):
        connection_for(kind="postgres", tier="staging", team_id=uuid.uuid4())


def test_an_inactive_connection_and_one_of_another_team_are_none(people: People) -> None:
    ensure("off")
    Connection.objects.update(is_active=False)
    ensure("theirs", teams=[people.rivals])
    with pytest.raises(ConnectionMissingError):
        connection_for(kind="postgres", tier="staging", team_id=people.shop.pk)


def seed() -> str:
    out = io.StringIO()
    call_command("seed_connections", stdout=out)
    return out.getvalue()


def test_seeding_makes_the_connections_of_the_settings_once() -> None:
    with override_settings(FLEET_DATABASE=SERVER, FLEET_VALKEY=VALKEY):
        assert seed() == seed() == "fleet-postgres: db.example.com:6543\nfleet-valkey: queues.example.com:6380\n"
    for slug, kind, server in (("fleet-postgres", "postgres", SERVER), ("fleet-valkey", "valkey", VALKEY)):
        connection = Connection.objects.get(slug=slug)
        assert connection.kind == kind
        assert connection.endpoint == {"host": server.host, "port": server.port}
        assert SECRET.encode() not in bytes(connection.credentials)
        assert connection_credentials(connection=connection) == {"url": server.url}
    assert len(events()) == 2


def test_seeding_without_servers_says_so_and_does_nothing() -> None:
    with override_settings(FLEET_DATABASE=None, FLEET_VALKEY=None):
        assert seed() == (
            "fleet-postgres: skipped, FLEET_DATABASE_URL is not set\n"
            "fleet-valkey: skipped, FLEET_VALKEY_URL is not set\n"
        )
    assert not Connection.objects.exists()


def test_the_settings_read_the_server_and_do_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLEET_DATABASE_URL_FILE", raising=False)
    monkeypatch.setenv("FLEET_DATABASE_URL", URL)
    assert fleet_database() == SERVER
    assert SECRET not in repr(fleet_database())
    monkeypatch.setenv("FLEET_DATABASE_URL", URL.replace(":6543", ""))
    server = fleet_database()
    assert server is not None
    assert server.port == 5432
    monkeypatch.delenv("FLEET_DATABASE_URL")
    assert fleet_database() is None


@pytest.mark.parametrize(
    "text", ["nonsense hunter2", "postgresql:///x?password=hunter2", "postgresql://a:hunter2@h:x/d"]
)
def test_an_address_that_cannot_be_read_stops_the_start_unquoted(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.delenv("FLEET_DATABASE_URL_FILE", raising=False)
    monkeypatch.setenv("FLEET_DATABASE_URL", text)
    with pytest.raises(ImproperlyConfigured, match="FLEET_DATABASE_URL is not of the form") as caught:
        fleet_database()
    assert SECRET not in str(caught.value)


def test_the_settings_read_the_valkey_and_do_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLEET_VALKEY_URL_FILE", raising=False)
    monkeypatch.setenv("FLEET_VALKEY_URL", VALKEY_URL)
    assert fleet_valkey() == VALKEY
    assert SECRET not in repr(fleet_valkey())
    monkeypatch.setenv("FLEET_VALKEY_URL", VALKEY_URL.replace(":6380", ""))
    server = fleet_valkey()
    assert server is not None
    assert server.port == 6379
    monkeypatch.delenv("FLEET_VALKEY_URL")
    assert fleet_valkey() is None


@pytest.mark.parametrize(
    "text",
    ["nonsense hunter2", "redis://:hunter2@h:1/0", "redis://a@h:1/0", "rediss://a:hunter2@h", "redis://a:hunter2@h:x"],
)
def test_a_valkey_that_cannot_be_read_stops_the_start_unquoted(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.delenv("FLEET_VALKEY_URL_FILE", raising=False)
    monkeypatch.setenv("FLEET_VALKEY_URL", text)
    with pytest.raises(ImproperlyConfigured, match="FLEET_VALKEY_URL is not of the form") as caught:
        fleet_valkey()
    assert SECRET not in str(caught.value)


def test_a_process_keeps_which_connection_fits_for_a_moment(
    people: People, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure()
    shop, rivals = people.shop.pk, people.rivals.pk
    monkeypatch.setattr(connections, "_connections", keeping.Kept(setting="CATALOG_AGE_SECONDS"))
    with override_settings(CATALOG_AGE_SECONDS=60.0):
        found = connection_for(kind="postgres", tier="staging", team_id=shop)
        with django_assert_num_queries(0):
            assert connection_for(kind="postgres", tier="staging", team_id=shop) is found
        with django_assert_num_queries(1):
            connection_for(kind="postgres", tier="staging", team_id=rivals)
