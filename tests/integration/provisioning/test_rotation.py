"""Rotations over HTTP: who may ask for one, what refuses it, and what becomes of one that is overtaken."""

import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from psycopg.types.json import Jsonb

from catalog.manifest.reading import candidate_read
from catalog.models import OfferingVersion, Plan
from catalog.services.publishing import version_publish
from catalog.services.retirement import plan_retire, version_retire
from governance.models import PolicyDecision
from platform_api.audit.models import AuditEvent
from platform_api.core.http.conditions import tag_of
from platform_api.core.ids import Prefix, parse
from platform_api.core.sealing import unseal_json
from platform_api.tenancy.models.scopes import READING
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.tokens import token_issue
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.states import ResourceStatus, RunStatus
from tests import databases
from tests.credentials import kept, stand
from tests.integration.provisioning.house import (
    House,
    body_of,
    carry_out,
    claim,
    contents,
    prepare,
    quota,
    resource_of,
    run_of,
    shown,
)
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.rotation import Ask, broken_in_apply, long, short
from tests.integration.provisioning.test_credentials import reveal
from tests.integration.provisioning.together import at_once
from tests.modules import MANIFEST, OUTPUTS, VARIABLES, module_write
from tests.people import TESTS, Person
from tests.waiting import wait_until


@pytest.fixture
def plain(house: House, tmp_path: Path) -> House:
    """A house whose ``orders`` is of an offering that hands out no credentials."""
    manifest = re.sub(r"credentials:\n(  .*\n)+", "credentials: null\n", MANIFEST)
    before, secret, after = VARIABLES.partition('variable "password_verifier"')
    folder = module_write(
        tmp_path,
        slug="plain",
        manifest=manifest.replace("[hint]", "[]"),
        variables=before + after.partition("}\n")[2],
        outputs=OUTPUTS.partition('output "hint"')[0],
    )
    version_publish(candidate=candidate_read(folder), caller=TESTS)
    assert secret
    resource = house.ordered(offering="plain", name="plain", parameters={"color": "red"})
    carry_out(resource)
    return replace(house, orders=shown(resource))


@pytest.mark.parametrize("ask", [short, long])
@pytest.mark.parametrize("who", ["owner", "lead"])
def test_who_ordered_it_or_an_admin_rotates_them(house: House, ask: Ask, who: str) -> None:
    assert ask(house, by=getattr(house.people, who)).status_code == 202
    event = AuditEvent.objects.get(action="request.submitted", object_name="rotate orders")
    assert (event.actor_name, event.team_id, event.project_id) == (
        who, house.people.shop.pk, house.people.checkout.pk,
    )  # fmt: skip
    assert run_of(resource_of(house.orders)).operation == "rotate"


@pytest.mark.parametrize("ask", [short, long])
@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("teammate", 403, "role_missing"),
        ("viewer", 403, "role_missing"),
        ("approver", 403, "role_missing"),
        ("auditor", 403, "role_missing"),
        ("admin", 403, "role_missing"),
        ("stranger", 404, "not_found"),
    ],
)
def test_nobody_else_rotates_them(house: House, ask: Ask, who: str, status: int, code: str) -> None:
    person: Person = getattr(house.people, who)
    refused(lambda: ask(house, by=person), status, code)
    event = AuditEvent.objects.get(action="call.refused")
    assert (event.actor_name, event.code) == (who, code)
    assert event.project_id == (None if who == "stranger" else house.people.checkout.pk)


@pytest.mark.parametrize("ask", [short, reveal])
def test_a_teammate_is_told_who_can(house: House, ask: Ask) -> None:
    body = body_of(ask(house, by=house.people.teammate))
    assert body["detail"] == "Resource orders was ordered by owner."
    assert body["remedy"] == "Ask owner, or an admin of project checkout or of its team."


def test_a_teammate_rotates_what_the_teammate_ordered(house: House) -> None:
    own = house.ordered(by=house.people.teammate)
    carry_out(own)
    refused(lambda: short(house, shown(own)), 403, "role_missing")
    assert short(house, shown(own), by=house.people.teammate).status_code == 202


@pytest.mark.parametrize("ask", [short, long])
def test_a_token_that_only_reads_rotates_nothing(house: House, ask: Ask) -> None:
    issued = token_issue(user=house.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, scopes=READING)
    before = contents()
    answer = ask(house, by=Person(house.owner.user, issued.secret))
    assert (answer.status_code, body_of(answer)["code"]) == (403, "scope_missing")
    assert contents() == before
    answer = ask(house, by=Person(house.owner.user, "slw_pat_nonsense"))
    assert (answer.status_code, body_of(answer)["code"]) == (401, "token_invalid")
    assert contents() == before


def test_both_forms_are_answered_with_a_request_as_every_order_is(house: House) -> None:
    answers = []
    for ask in (short, long):
        if ask is short:
            answers.append(short(house, body={"reason": "Leaked", "ticket": "SHOP-7"}))
        else:
            answers.append(long(house, reason="Leaked", ticket="SHOP-7"))
        carry_out(resource_of(house.orders))
    for answer in answers:
        body = body_of(answer)
        assert answer.headers["Location"] == f"/api/v1/requests/{body['id']}"
        assert answer.headers["ETag"] == tag_of(answer.content)
        assert answer.headers["Retry-After"] == "1"
        assert (body["operation"], body["status"], body["run"]["status"]) == ("rotate", "fulfilling", "pending")
        assert (body["reason"], body["ticket"], body["quota"]) == ("Leaked", "SHOP-7", [])
        assert body["resource"]["id"] == house.orders
        assert body["parameters"] == {"connection_limit": 10, "statement_timeout_seconds": 60}
        later = body_of(house.owner.client.get(answer.headers["Location"]))
        assert (later["status"], later["failure"]) == ("completed", None)
    first, second = (body_of(answer) for answer in answers)
    assert set(first) == set(second)
    assert quota() == (0, 1)


def test_a_key_names_the_same_rotation_in_both_forms_also_when_it_is_done(house: House) -> None:
    first = short(house, key="once")
    again = long(house, key="once")
    carry_out(resource_of(house.orders))
    later = short(house, key="once")
    for answer in (again, later):
        assert (answer.status_code, answer.content) == (202, first.content)
        assert answer.headers["Idempotency-Replayed"] == "true"
    assert Run.objects.filter(operation="rotate").count() == 1
    assert stand(resource_of(house.orders)) == ["replaced", "current"]
    assert body_of(short(house, key="once", body={"reason": "Another"}))["code"] == "idempotency_mismatch"


def test_of_two_rotations_at_once_one_is_accepted(house: House) -> None:
    people = (house.owner, house.people.lead)
    answers = at_once(4, lambda number: short(house, by=people[number % 2], key=f"key-{number}"))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    assert {body_of(answer)["code"] for answer in answers if answer.status_code == 409} == {"resource_busy"}
    resource = resource_of(house.orders)
    assert (resource.generation, Run.objects.filter(resource=resource, operation="rotate").count()) == (2, 1)


def test_one_rotation_that_is_sent_twice_at_once_is_one(house: House) -> None:
    answers = at_once(4, lambda _number: short(house, key="once"))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert Run.objects.filter(operation="rotate").count() == 1


@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize("operation", ["update", "rotate", "deprovision"])
def test_a_live_run_refuses_a_rotation(house: House, operation: str, *, is_held: bool) -> None:
    extra: dict[str, Any] = {"confirm": "orders"} if operation == "deprovision" else {}
    house.change(operation, **extra)
    if is_held:
        claim(resource_of(house.orders))
    refused(lambda: short(house), 409, "resource_busy")
    refused(lambda: long(house), 409, "resource_busy")


def test_a_rotation_refuses_an_update_and_no_deprovision(house: House) -> None:
    short(house)
    refused(lambda: house.change("update"), 409, "resource_busy")
    assert house.change("deprovision", confirm="orders").status_code == 202


def test_what_is_gone_or_is_to_go_is_not_rotated(house: House) -> None:
    house.change("deprovision", confirm="orders")
    broken_in_apply(house)
    refused(lambda: short(house), 409, "already_final")
    house.change("deprovision", confirm="orders")
    carry_out(resource_of(house.orders))
    refused(lambda: short(house), 409, "already_final")


def test_what_was_never_made_is_not_rotated(house: House) -> None:
    resource = house.ordered()
    refused(lambda: short(house, shown(resource)), 409, "resource_busy")
    Run.objects.filter(resource=resource).update(status=RunStatus.CANCELED)
    refused(lambda: short(house, shown(resource)), 409, "credentials_not_ready")


def test_an_offering_without_credentials_has_none_to_rotate(plain: House) -> None:
    for ask in (short, long, reveal):
        refused(lambda asked=ask: asked(plain), 409, "credentials_none")  # type: ignore[misc]  # a default binds the loop's value
    assert body_of(plain.owner.client.get(f"/api/v1/resources/{plain.orders}"))["credentials"] is None


def test_a_rotation_is_judged_by_policy_and_takes_no_quota(house: House) -> None:
    before = quota(), quota(kind="count:database")
    decisions = body_of(short(house))["decisions"]
    assert decisions
    assert {decision["outcome"] for decision in decisions} == {"allow"}
    request = ProvisioningRequest.objects.get(operation="rotate")
    kept_decision = PolicyDecision.objects.get(subject_id=request.pk)
    judged: Any = unseal_json(bytes(kept_decision.input_sealed), place=f"policy_decision/{kept_decision.pk}/input")
    assert (judged["operation"], judged["resource"]["id"]) == ("rotate", house.orders)
    assert (quota(), quota(kind="count:database")) == before


def test_without_its_policies_no_rotation_is_accepted(house: House, settings: Any) -> None:
    settings.POLICY_SOCKET = Path("/nowhere/policy.sock")
    assert refused(lambda: short(house), 422, "request_refused") == [("#", "policy_engine_error")]


def test_what_cannot_be_ordered_any_more_is_rotated_all_the_same(house: House) -> None:
    resource = Resource.objects.select_related("offering_version", "plan").get(pk=parse(Prefix.RESOURCE, house.orders))
    plan_retire(plan=Plan.objects.get(pk=resource.plan_id), caller=TESTS)
    version_retire(version=OfferingVersion.objects.get(pk=resource.offering_version_id), caller=TESTS)
    assert short(house).status_code == 202
    carry_out(resource)
    assert stand(resource) == ["replaced", "current"]


def test_a_deprovision_overtakes_a_rotation_that_waits_and_what_was_made_is_given_up(house: House) -> None:
    short(house)
    resource = resource_of(house.orders)
    prepare(claim(resource))  # of an attempt that went back to the queue:
    Run.objects.filter(pk=run_of(resource).pk).update(
        status=RunStatus.PENDING, lease_owner=None, lease_until=None, deadline=None
    )
    assert stand(resource) == ["current", "pending"]
    house.change("deprovision", confirm="orders")
    assert stand(resource) == ["current", "discarded"]
    carry_out(resource)
    assert (stand(resource), kept(resource)) == (["discarded", "discarded"], [])


def test_a_rotation_that_waits_is_canceled_and_what_was_made_is_given_up(house: House) -> None:
    run = body_of(short(house))["run"]["id"]
    resource = resource_of(house.orders)
    prepare(claim(resource))
    Run.objects.filter(pk=run_of(resource).pk).update(
        status=RunStatus.PENDING, lease_owner=None, lease_until=None, deadline=None
    )
    assert house.post(f"runs/{run}/cancel", {}).status_code == 202
    assert (stand(resource), resource_of(house.orders).status) == (["current", "discarded"], ResourceStatus.READY)
    assert reveal(house).status_code == 201


@pytest.mark.parametrize("operation", ["update", "rotate"])
def test_a_change_is_judged_by_what_is_there_when_it_is_its_turn(house: House, operation: str) -> None:
    """An ask that waits for the resource's row must not bring back what it had seen before."""
    resource = resource_of(house.orders)
    fresh = {"connection_limit": 3, "statement_timeout_seconds": 7}

    def is_waiting() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return bool(cursor.fetchone() == (1,))

    def one(number: int) -> HttpResponse | None:
        if number:
            wait_until(held.is_set)
            return house.change(operation)
        with databases.connected("DATABASE_URL", house.database) as other, other.transaction():
            other.execute("UPDATE resource SET parameters = %s WHERE id = %s", [Jsonb(fresh), resource.pk])
            held.set()
            wait_until(is_waiting)
        return None

    held = threading.Event()
    _, answer = at_once(2, one)
    assert answer is not None
    assert (answer.status_code, body_of(answer)["parameters"]) == (202, fresh)
