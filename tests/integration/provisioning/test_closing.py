"""Environments are given back as one, on demand or expired; late calls find a tombstone."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.callers import system_caller
from platform_api.core.ids import Prefix, show
from provisioning.models import Component, ComponentNeed, Environment, Resource
from provisioning.services import reconcile as reconciling
from provisioning.services.environments import closing
from provisioning.services.environments.closing import environment_delete, environment_expire, environments_expired
from provisioning.services.reconcile import reconcile
from tests import databases
from tests.integration.provisioning import trio
from tests.integration.provisioning.house import House, body_of, carry_out, quota, resource_of, run_of, shown
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.trio import delete, look, make, ordered, part, put, running
from tests.policies import PolicyHelper

FRESH = "/api/v1/projects/checkout/environments/fresh"
SOURCE = {"repository": "shop", "pull_request": 142}
USERS = ["DATABASE_URL", "DATABASE_OWNER_URL"]


@pytest.fixture
def house(house: House, tmp_path: Path) -> House:
    """The house, with a composed offering in its catalog."""
    trio.publish(tmp_path)
    return house


@pytest.fixture(scope="module")
def given_back(
    standing_house: House, shared_policy_helper: PolicyHelper, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Name of a database with a composed environment that is given back; what is tried on it is refused."""
    with override_settings(POLICY_SOCKET=shared_policy_helper.socket):
        trio.publish(tmp_path_factory.mktemp("trio"))
        environment = trio.row(ordered(standing_house))
    Environment.objects.filter(pk=environment.pk).update(desired="absent")
    return standing_house.database


def ensure(house: House, **body: Any) -> Any:
    return house.owner.client.put(FRESH, body, format="json")


def expire(name: str) -> None:
    Environment.objects.filter(name=name, closed_at=None).update(expires_at=clock.now() - timedelta(seconds=1))


def closed(house: House, **body: Any) -> str:
    """Return a composed one that was ordered, made and given back."""
    environment = ordered(house, **body)
    delete(house)
    carry_out(part(house, environment, "db"))
    assert look(house, environment)["status"] == "closed"
    return environment


# On demand.


def test_an_empty_one_is_closed_at_once(house: House) -> None:
    environment = body_of(ensure(house))["id"]
    answer = delete(house, FRESH, confirm="fresh")
    assert (answer.status_code, body_of(answer)["status"]) == (202, "closed")
    assert look(house, environment)["closed_at"] is not None
    refused(lambda: delete(house, f"/api/v1/environments/{environment}", confirm="fresh"), 410, "environment_closed")


def test_one_that_was_filled_one_by_one_goes_with_everything_in_it(house: House) -> None:
    environment = body_of(ensure(house))["id"]
    resources = [house.ordered(environment="fresh", name=f"db-{number}") for number in range(3)]
    for resource in resources:
        carry_out(resource)
    body = body_of(delete(house, f"/api/v1/environments/{environment}", confirm="fresh"))
    assert body["status"] == "deleting"
    assert [name for name, _ in running(environment)] == ["db-0", "db-1", "db-2"]
    for resource in resources:
        carry_out(resource)
    assert (look(house, environment)["status"], quota()) == ("closed", (0, 1))


def test_each_resource_that_goes_costs_only_what_is_written_of_it(
    house: House, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ensure(house)
    for number in range(3):
        carry_out(house.ordered(environment="fresh", name=f"db-{number}"))
    environment, caller = Environment.objects.select_related("project").get(name="fresh"), house.owner.caller
    with django_assert_num_queries(18 + 3 * 11):  # of each: what works on it, its row, request and event; 7 for its run
        environment_delete(caller=caller, environment=environment, confirm="fresh")


@pytest.mark.parametrize("confirm", ["", "pr-14", "PR-142"])
def test_it_is_confirmed_by_its_name(house: House, confirm: str) -> None:
    ordered(house)
    assert refused(lambda: delete(house, confirm=confirm), 422, "request_refused") == [("#/confirm", "not_confirmed")]


def test_the_default_one_stays(house: House) -> None:
    address = "/api/v1/projects/checkout/environments/default"
    refused(lambda: delete(house, address, confirm="default"), 409, "environment_default")


def test_production_is_given_back_by_an_admin(house: House) -> None:
    address = "/api/v1/projects/checkout/environments/live"
    refused(lambda: delete(house, address, confirm="live"), 403, "role_missing")
    assert delete(house, address, confirm="live", by=house.people.lead).status_code == 202


def test_what_is_protected_keeps_the_whole_and_is_named(house: House) -> None:
    environment = ordered(house)
    make(house, environment)
    Resource.objects.filter(pk=part(house, environment, "reports").pk).update(delete_protected=True)
    refused(lambda: delete(house), 409, "delete_protected")
    assert "reports" in body_of(delete(house))["detail"]


def test_asked_for_twice_nothing_is_done_twice(house: House) -> None:
    environment = ordered(house)
    make(house, environment)
    first, second = delete(house), delete(house)
    assert (first.status_code, second.status_code, body_of(second)) == (202, 202, body_of(first))
    assert running(environment) == [("archive", "deprovision")]
    assert AuditEvent.objects.filter(action="environment.delete_requested").count() == 1


def test_one_that_goes_takes_no_orders(house: House) -> None:
    environment = body_of(ensure(house))["id"]
    carry_out(house.ordered(environment="fresh", name="kept"))
    delete(house, FRESH, confirm="fresh")
    for name in ("fresh", environment):
        found = refused(lambda name=name: house.order(environment=name), 422, "request_refused")  # type: ignore[misc]  # mypy infers no type for a lambda's default
        assert found == [("#/environment", "unknown_environment")]


# Expired.


def test_an_expired_one_is_given_back_by_the_dispatcher(house: House) -> None:
    environment = ordered(house)
    make(house, environment)
    assert reconcile() == 0
    expire("pr-142")
    assert reconcile() == 1
    assert running(environment) == [("archive", "deprovision")]
    event = AuditEvent.objects.get(action="environment.expired")
    assert (event.actor_name, event.object_name, event.project_id) == (
        "dispatcher", "pr-142", house.people.checkout.pk,
    )  # fmt: skip
    for name in reversed(trio.NAMES):
        carry_out(part(house, environment, name))
    assert (look(house, environment)["status"], reconcile()) == ("closed", 0)
    refused(lambda: put(house), 410, "environment_closed")


def test_an_expired_one_that_was_made_empty_goes_too(house: House) -> None:
    later = (clock.now() + timedelta(days=1)).isoformat()
    environment = body_of(ensure(house, expires_at=later))["id"]
    resource = house.ordered(environment="fresh", name="kept")
    carry_out(resource)
    expire("fresh")
    assert reconcile() == 1
    carry_out(resource)
    assert look(house, environment)["status"] == "closed"


def test_an_expired_one_is_given_back_once_though_many_dispatchers_see_it(house: House) -> None:
    environment = trio.row(ordered(house))
    expire("pr-142")
    (found,) = environments_expired()
    caller = system_caller("dispatcher")
    assert found == environment.pk
    assert [environment_expire(environment_id=found, caller=caller) for _ in range(3)] == [True, False, False]
    assert AuditEvent.objects.filter(action="environment.expired").count() == 1


def test_an_expired_one_with_something_protected_stays_until_the_protection_is_gone(house: House) -> None:
    environment = ordered(house)
    make(house, environment)
    db = Resource.objects.filter(pk=part(house, environment, "db").pk)
    db.update(delete_protected=True)
    expire("pr-142")
    assert (reconcile(), look(house, environment)["status"]) == (0, "ready")
    db.update(delete_protected=False)
    assert (reconcile(), look(house, environment)["status"]) == (1, "deleting")


def test_one_that_is_to_go_and_holds_something_protected_is_asked_for_when_the_protection_is_gone(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ensure(house)
    left = [house.ordered(environment="fresh", name=name) for name in ("kept", "other")]
    for resource in left:
        carry_out(resource)
    delete(house, FRESH, confirm="fresh")
    for resource in left:
        house.post(f"runs/{show(Prefix.RUN, run_of(resource).pk)}/cancel", {"reason": "Not yet"})
    monkeypatch.setattr(closing, "REPEAT_SECONDS", 0)
    kept = Resource.objects.filter(pk=left[0].pk)
    kept.update(delete_protected=True)
    caplog.clear()  # of the lines that the calls have left
    assert (reconcile(), caplog.text) == (0, "")
    kept.update(delete_protected=False)
    assert reconcile() == 1
    assert [run_of(resource).operation for resource in left] == ["deprovision", "deprovision"]


def test_one_that_fails_does_not_stop_the_others_however_many_fail(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"pr-{number}" for number in range(4)]
    for name in names:
        ensure_at = f"/api/v1/projects/checkout/environments/{name}"
        house.owner.client.put(ensure_at, {"expires_at": (clock.now() + timedelta(days=1)).isoformat()}, format="json")
        expire(name)
    real = closing._give_back

    def broken(environment: Environment, *rest: Any, **options: Any) -> None:
        if environment.name in names[:3]:
            msg = "no"
            raise RuntimeError(msg)
        real(environment, *rest, **options)

    monkeypatch.setattr(closing, "_give_back", broken)
    monkeypatch.setattr(reconciling, "BATCH", 1)
    assert reconcile() == 2  # given back, and closed because nothing is in it
    assert set(Environment.objects.exclude(closed_at=None).values_list("name", flat=True)) == {"pr-3"}
    monkeypatch.setattr(closing, "_give_back", real)
    assert [reconcile() for _ in range(4)] == [2, 2, 2, 0]


# Tombstones.


@pytest.mark.parametrize("source", [None, SOURCE], ids=["without source", "with source"])
def test_a_late_call_from_the_same_source_does_not_bring_it_back(house: House, source: dict[str, Any] | None) -> None:
    environment = closed(house, source=source)
    refused(lambda: put(house, source=source), 410, "environment_closed")
    problem = body_of(put(house, source=source))
    assert environment in problem["detail"]
    assert '"reopen": true' in problem["remedy"]
    assert look(house, environment)["status"] == "closed"


def test_a_late_call_while_it_goes_is_refused_likewise(house: House) -> None:
    ordered(house, source=SOURCE)
    delete(house)
    refused(lambda: put(house, source=SOURCE), 410, "environment_closed")
    refused(lambda: put(house, source=SOURCE, reopen=True), 409, "environment_closing")
    refused(lambda: put(house, source={"pull_request": 143}), 409, "environment_closing")


def test_it_is_opened_anew_on_demand_and_then_stands(house: House) -> None:
    former = closed(house, source=SOURCE)
    answer = put(house, source=SOURCE, reopen=True)
    made = body_of(answer)
    assert (answer.status_code, made["status"], made["id"] != former) == (202, "creating", True)
    assert (put(house, source=SOURCE).status_code, body_of(put(house, source=SOURCE))["id"]) == (200, made["id"])
    assert look(house, former)["status"] == "closed"


def test_another_source_gets_one_of_its_own_and_the_first_is_still_late(house: House) -> None:
    closed(house, source=SOURCE)
    other = {"pull_request": 143}
    assert put(house, source=other).status_code == 202
    assert put(house, source=SOURCE).status_code == 200  # whoever asks for the name finds what stands under it
    delete(house)
    carry_out(Resource.objects.get(environment__name="pr-142", name="db", status="pending"))
    refused(lambda: put(house, source=SOURCE), 410, "environment_closed")
    refused(lambda: put(house, source=other), 410, "environment_closed")


def test_the_order_of_members_makes_no_other_source(house: House) -> None:
    closed(house, source=SOURCE)
    refused(lambda: put(house, source=dict(reversed(SOURCE.items()))), 410, "environment_closed")


def test_an_empty_one_that_was_given_back_is_a_tombstone_too(house: House) -> None:
    ensure(house)
    delete(house, FRESH, confirm="fresh")
    refused(lambda: ensure(house), 410, "environment_closed")
    assert ensure(house, reopen=True).status_code == 201
    assert house.order(environment="fresh").status_code == 202


# What the database refuses to everyone.


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("id = '00000000-0000-7000-8000-000000000001'", "stays what it was made as"),
        ("project_id = (SELECT id FROM project WHERE slug = 'spy')", "stays what it was made as"),
        ("name = 'pr-1'", "stays what it was made as"),
        ("tier = 'production'", "stays what it was made as"),
        ("offering_version_id = NULL", "stays what it was made as"),
        ("parameters = '{}'", "stays what it was made as"),
        ("source = '{}'", "stays what it was made as"),
        ("created_at = now()", "stays what it was made as"),
        ("desired = 'present'", "does not come back"),
        ("closed_at = now()", "cannot be closed"),
    ],
)
def test_what_an_environment_is_nobody_changes(given_back: str, user: str, change: str, refusal: str) -> None:
    with databases.connected(user, given_back) as raw, pytest.raises(psycopg.Error, match=refusal) as caught:
        raw.execute(f"UPDATE environment SET {change} WHERE name = 'pr-142'".encode())
    assert caught.value.sqlstate == "SW002"


@pytest.mark.parametrize("user", USERS)
def test_a_closed_one_nobody_changes(house: House, user: str) -> None:
    closed(house)
    with databases.connected(user, house.database) as raw, pytest.raises(psycopg.Error, match="is closed: it never"):
        raw.execute("UPDATE environment SET closed_at = now() WHERE name = 'pr-142'")


@pytest.mark.parametrize(
    ("statement", "to_service", "to_owner"),
    [
        (statement, f"permission denied for table {table}", f"{table} is {what}: {statement.split()[0]} is refused")
        for table, what, statement in (
            ("environment", "history", "DELETE FROM environment"),
            ("environment", "history", "TRUNCATE environment CASCADE"),
            ("component", "append-only", "UPDATE component SET name = 'other'"),
            ("component", "append-only", "DELETE FROM component"),
            ("component", "append-only", "TRUNCATE component CASCADE"),
            ("component_need", "append-only", "UPDATE component_need SET takes = '{}'"),
            ("component_need", "append-only", "DELETE FROM component_need"),
            ("component_need", "append-only", "TRUNCATE component_need"),
        )
    ],
)
def test_history_is_not_rewritten(given_back: str, statement: str, to_service: str, to_owner: str) -> None:
    for user, refusal in zip(USERS, (to_service, to_owner), strict=True):
        with databases.connected(user, given_back) as raw, pytest.raises(psycopg.Error, match=refusal):
            raw.execute(statement.encode())


def test_needs_go_in_no_circle(house: House) -> None:
    ordered(house)
    db, archive = (Component.objects.get(name=name) for name in ("db", "archive"))
    with pytest.raises(IntegrityError, match="component_need_goes_in_no_circle"):
        ComponentNeed.objects.create(component=db, needed=archive, takes={})


def test_a_resource_of_a_closed_one_is_still_to_be_seen(house: House) -> None:
    environment = closed(house)
    db = part(house, environment, "db")
    seen = body_of(house.owner.client.get(f"/api/v1/resources/{shown(db)}"))
    assert (seen["status"], resource_of(shown(db)).environment_id) == ("deprovisioned", trio.row(environment).pk)
    assert show(Prefix.ENVIRONMENT, trio.row(environment).pk) == environment
