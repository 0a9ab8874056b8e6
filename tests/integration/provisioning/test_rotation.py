"""Rotations over HTTP: who may ask for one, what refuses it, what it shows afterwards."""

import re
import threading
from collections.abc import Callable
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
from platform_api.core.ids import Prefix, parse
from platform_api.core.sealing import unseal_json
from platform_api.tenancy.models.scopes import READING
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.tokens import token_issue
from provisioning.models import Credential, ProvisioningRequest, Resource, Run
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_failed
from provisioning.states import ResourceStatus, RunStatus
from tests import databases
from tests.credentials import kept, password_of, stand
from tests.integration.provisioning.house import (
    House,
    begin_apply,
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
from tests.integration.provisioning.test_credentials import everything, reveal
from tests.integration.provisioning.together import at_once
from tests.modules import MANIFEST, OUTPUTS, VARIABLES, module_write
from tests.people import TESTS, Person
from tests.waiting import wait_until

BROKEN = RunFailure(code="broken", kind="permanent", detail="It broke.", remedy="Mend it.")
Ask = Callable[..., HttpResponse]


def short(house: House, resource: str | None = None, *, by: Person | None = None, **options: Any) -> HttpResponse:
    return house.post(f"resources/{resource or house.orders}/credentials/rotate", by=by, **options)


def long(house: House, resource: str | None = None, *, by: Person | None = None, **options: Any) -> HttpResponse:
    return house.change("rotate", resource, by=by, **options)


def told(house: House, resource: str | None = None) -> dict[str, Any]:
    """Return what a resource's page tells of its credentials."""
    body = body_of(house.owner.client.get(f"/api/v1/resources/{resource or house.orders}"))
    credentials: dict[str, Any] = body["credentials"]
    return credentials


def rotated(house: House) -> None:
    assert short(house).status_code == 202
    carry_out(resource_of(house.orders))


def broken_in_apply(house: House, resource: str | None = None) -> None:
    """Let the waiting run fail when its apply had begun."""
    claimed = claim(resource_of(resource or house.orders))
    prepare(claimed)
    begin_apply(claimed)
    run_failed(claimed, BROKEN, has_applied=True)


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
        assert (answer.headers["ETag"], answer.headers["Retry-After"]) == ('"1"', "1")
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


def test_new_ones_are_shown_once_and_the_page_tells_of_both(house: House) -> None:
    first = body_of(reveal(house))["password"]
    begun = told(house)
    assert begun == {
        "number": 1,
        "made_at": begun["made_at"],
        "revealed_at": begun["revealed_at"],
        "revealed_by": "owner",
        "pending": None,
        "url": f"/api/v1/resources/{house.orders}/credentials",
        "rotate_url": f"/api/v1/resources/{house.orders}/credentials/rotate",
        "replaced": [],
    }
    assert None not in {begun["made_at"], begun["revealed_at"]}
    rotated(house)
    now = told(house)
    (former,) = now["replaced"]
    assert (now["number"], now["revealed_at"], now["revealed_by"], now["pending"]) == (2, None, None, None)
    assert former == {
        "number": 1,
        "made_at": begun["made_at"],
        "revealed_at": begun["revealed_at"],
        "replaced_at": former["replaced_at"],
    }
    assert begun["revealed_at"] < former["replaced_at"]
    answer = reveal(house, by=house.people.lead)
    assert answer.status_code == 201
    assert body_of(answer)["password"] not in {first, ""}
    assert told(house)["revealed_by"] == "lead"
    assert [event.after for event in AuditEvent.objects.filter(action="credentials.revealed").order_by("id")] == [
        {"number": 1},
        {"number": 2},
    ]


def test_the_refusal_of_a_second_look_says_where_to_rotate(house: House) -> None:
    reveal(house)
    body = body_of(reveal(house))
    assert body["code"] == "credentials_already_revealed"
    assert body["remedy"] == f"Rotate them: POST /api/v1/resources/{house.orders}/credentials/rotate."
    assert house.post(body["remedy"].removeprefix("Rotate them: POST /api/v1/").removesuffix(".")).status_code == 202


def test_ones_that_nobody_was_shown_can_be_rotated(house: House) -> None:
    before = password_of(resource_of(house.orders))
    rotated(house)
    assert body_of(reveal(house))["password"] != before
    assert told(house)["replaced"][0]["revealed_at"] is None


@pytest.mark.parametrize("is_revealed", [False, True])
def test_nothing_is_shown_while_a_rotation_is_under_way(house: House, *, is_revealed: bool) -> None:
    if is_revealed:
        reveal(house)
    run = body_of(short(house))["run"]["id"]
    for _ in range(2):
        refused(lambda: reveal(house), 409, "credentials_not_ready")
        answer = body_of(reveal(house))
        assert (answer["detail"], answer["remedy"]) == (
            f"Run {run} (rotate) works on them.",
            "Wait until it has ended.",
        )
        if run_of(resource_of(house.orders)).status == RunStatus.PENDING:
            prepare(claim(resource_of(house.orders)))
    page = told(house)
    assert (page["number"], page["pending"]["number"]) == (1, 2)
    assert (page["revealed_at"] is not None) == is_revealed


@pytest.mark.parametrize("is_revealed", [False, True])
def test_nothing_is_shown_after_a_rotation_that_may_have_taken_place(house: House, *, is_revealed: bool) -> None:
    if is_revealed:
        reveal(house)
    short(house)
    broken_in_apply(house)
    refused(lambda: reveal(house), 409, "credentials_not_ready")
    remedy = body_of(reveal(house))["remedy"]
    assert remedy == f"Finish it: POST /api/v1/resources/{house.orders}/credentials/rotate."
    assert told(house)["pending"]["number"] == 2
    rotated(house)
    assert reveal(house).status_code == 201
    assert (told(house)["number"], told(house)["pending"]) == (2, None)


def test_after_a_rotation_that_changed_nothing_the_former_ones_are_shown(house: House) -> None:
    password = password_of(resource_of(house.orders))
    short(house)
    claimed = claim(resource_of(house.orders))
    prepare(claimed)
    run_failed(claimed, BROKEN, has_applied=False)
    assert body_of(reveal(house))["password"] == password
    page = told(house)
    assert (page["number"], page["pending"], page["replaced"]) == (1, None, [])


def test_an_update_that_failed_leaves_the_way_to_rotate(house: House) -> None:
    house.change("update")
    broken_in_apply(house)
    refused(lambda: reveal(house), 409, "credentials_not_ready")
    assert f"POST /api/v1/resources/{house.orders}/credentials/rotate" in body_of(reveal(house))["remedy"]
    rotated(house)
    assert resource_of(house.orders).status == ResourceStatus.READY
    assert reveal(house).status_code == 201


def test_of_what_is_gone_the_last_number_is_told_and_nothing_shown(house: House) -> None:
    rotated(house)
    reveal(house)
    house.change("deprovision", confirm="orders")
    carry_out(resource_of(house.orders))
    page = told(house)
    assert (page["number"], page["revealed_by"], [each["number"] for each in page["replaced"]]) == (2, "owner", [1])
    refused(lambda: reveal(house), 409, "credentials_not_ready")
    assert body_of(reveal(house))["remedy"] == "Order a new one."
    assert not Credential.objects.filter(resource=resource_of(house.orders), sealed__isnull=False).exists()


def test_ten_former_ones_are_told_of_the_newest_first_and_in_lists_too(house: House) -> None:
    for number in range(13):
        rotated(house)
        if number % 3 == 0:  # ones that were given up in between count for nothing
            short(house)
            claimed = claim(resource_of(house.orders))
            prepare(claimed)
            run_failed(claimed, BROKEN, has_applied=False)
    numbers = [each["number"] for each in told(house)["replaced"]]
    in_use = Credential.objects.filter(resource=resource_of(house.orders), replaced_at__isnull=False)
    assert numbers == list(in_use.order_by("-number").values_list("number", flat=True))[:10]
    listed = body_of(house.owner.client.get("/api/v1/resources"))["results"]
    assert [row["credentials"] for row in listed] == [told(house)]


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


def test_no_password_stands_in_any_table_at_any_time(house: House) -> None:
    resource = resource_of(house.orders)
    secrets = {*kept(resource)[0].secrets}
    dumps = [everything()]
    short(house)
    broken_in_apply(house)
    secrets |= {*kept(resource)[0].secrets}
    dumps.append(everything())
    rotated(house)
    dumps.append(everything())
    secrets.add(body_of(reveal(house))["password"])
    dumps.append(everything())
    assert len(secrets) == 4  # two passwords, two verifiers
    assert all(resource.physical_name in dump for dump in dumps)
    assert [secret for secret in secrets for dump in dumps if secret in dump] == []


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
