from typing import Any

import psycopg
import pytest
from django.db import connection
from django.http import HttpResponse

from governance.models import Quota
from governance.selectors.quotas import quota_reconcile
from governance.services.quotas import quota_findings
from platform_api.idempotency.models import IdempotencyKey
from platform_api.tenancy.services.teams import project_create
from provisioning.models import Environment, ProvisioningRequest, Resource, Run
from provisioning.services.ordering import provisioning
from tests import databases
from tests.integration.provisioning.house import House, body_of, quota, resource_of, run_of
from tests.integration.provisioning.together import at_once
from tests.people import TESTS


def leave(points: int) -> None:
    """Leave so many points of the project's quota."""
    row = Quota.objects.get(scope_name="project:checkout", kind="points")
    Quota.objects.filter(pk=row.pk).update(limit=row.held + points)


def test_of_two_orders_for_the_last_slot_one_is_admitted(house: House) -> None:
    leave(1)
    answers = at_once(2, lambda number: house.order(name=f"last-{number}"))
    accepted, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert (accepted.status_code, refused.status_code) == (202, 422)
    (finding,) = body_of(refused)["errors"]
    assert (finding["code"], finding["limit"], finding["used"], finding["requested"]) == ("quota_exceeded", 2, 2, 1)
    assert quota() == (1, 1)
    assert quota_reconcile() == []
    assert Run.objects.filter(status="pending").count() == 1


def test_of_many_orders_as_many_are_admitted_as_fit_and_nothing_is_left_of_the_others(house: House) -> None:
    leave(3)
    answers = at_once(10, lambda number: house.order(name=f"many-{number}"))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [422] * 7
    names = {body_of(answer)["resource"]["name"] for answer in answers if answer.status_code == 202}
    assert set(Resource.objects.filter(name__startswith="many-").values_list("name", flat=True)) == names
    assert quota() == (3, 1)
    assert quota("team:shop") == (3, 1)
    assert quota_reconcile() == []


def test_what_another_gives_back_while_an_order_is_refused_lets_it_pass(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(0)

    def given_back(**asked: Any) -> list[dict[str, Any]]:
        leave(1)
        return quota_findings(**asked)

    monkeypatch.setattr(provisioning, "quota_findings", given_back)
    assert house.order().status_code == 202
    assert quota() == (1, 1)


def same(answers: list[HttpResponse]) -> None:
    """Assert that all are one answer, marked as repeated on all but one."""
    assert [answer.status_code for answer in answers] == [202] * len(answers), [answer.content for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    marks = sorted(answer.headers.get("Idempotency-Replayed", "") for answer in answers)
    assert marks == ["", *["true"] * (len(answers) - 1)]


@pytest.mark.parametrize("left", [1, 20])
def test_twenty_identical_orders_at_once_are_one(house: House, left: int) -> None:
    leave(left)  # with 1 the first takes the last slot, and the others find the quota full
    answers = at_once(20, lambda _: house.order(key="once"))
    same(answers)
    assert ProvisioningRequest.objects.filter(resource__name="invoices").count() == 1
    assert Run.objects.filter(resource__name="invoices").count() == 1
    assert IdempotencyKey.objects.count() == 1
    assert quota() == (1, 1)
    assert quota_reconcile() == []


def test_an_order_is_repeated_though_the_quota_is_full_and_the_policy_has_changed(house: House, closed: Any) -> None:
    leave(1)
    first = house.order(key="once")
    same([first, house.order(key="once")])
    closed()
    assert house.order(name="other").status_code == 422
    same([first, house.order(key="once")])


def test_two_callers_may_use_the_same_key(house: House) -> None:
    first, second = house.order(key="once"), house.order(key="once", by=house.people.teammate, name="other")
    assert (first.status_code, second.status_code) == (202, 202)
    assert "Idempotency-Replayed" not in second.headers
    assert first.content != second.content


@pytest.mark.parametrize(
    "changes", [{"name": "other"}, {"parameters": {"connection_limit": 11}}, {"reason": "Another"}]
)
def test_a_key_of_another_order_is_refused(house: House, changes: dict[str, Any]) -> None:
    house.order(key="once")
    answer = house.order(key="once", **changes)
    # What is sound by itself is refused by the key, and nothing is ordered twice.
    assert (answer.status_code, body_of(answer)["code"]) == (422, "idempotency_mismatch")
    assert body_of(answer)["remedy"]
    assert Run.objects.filter(status="pending").count() == 1


def test_different_orders_at_once_with_one_key_make_one(house: House) -> None:
    answers = at_once(8, lambda number: house.order(key="once", name=f"order-{number}"))
    assert sorted(answer.status_code for answer in answers) == [202] + [422] * 7
    assert {body_of(answer)["code"] for answer in answers if answer.status_code == 422} == {"idempotency_mismatch"}
    assert Resource.objects.filter(name__startswith="order-").count() == 1
    assert quota() == (1, 1)


def test_of_orders_for_one_name_at_once_one_gets_it(house: House) -> None:
    answers = at_once(6, lambda _: house.order())
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    assert {body_of(answer)["code"] for answer in answers if answer.status_code == 409} == {"name_taken"}
    assert quota() == (1, 1)


def test_first_orders_of_a_project_at_once_make_one_default_environment(house: House) -> None:
    project_create(team=house.people.shop, slug="fresh", name="Fresh", caller=TESTS)
    lead = house.people.lead
    answers = at_once(6, lambda number: house.order(by=lead, project="fresh", environment=None, name=f"first-{number}"))
    assert [answer.status_code for answer in answers] == [202] * 6
    assert Environment.objects.filter(project__slug="fresh").count() == 1
    assert Quota.objects.filter(scope_name="project:fresh").count() == 2
    assert quota("project:fresh") == (6, 0)


def test_updates_of_one_resource_at_once_make_one_run(house: House) -> None:
    answers = at_once(6, lambda number: house.change("update", parameters={"connection_limit": number + 1}))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    assert {body_of(answer)["code"] for answer in answers if answer.status_code == 409} == {"resource_busy"}
    resource = resource_of(house.orders)
    assert resource.generation == 2
    assert Run.objects.filter(resource=resource, generation=2).count() == 1


@pytest.mark.parametrize("operation", ["update", "deprovision"])
def test_identical_changes_at_once_with_one_key_are_one(house: House, operation: str) -> None:
    body = {"confirm": "orders"} if operation == "deprovision" else {"parameters": {"connection_limit": 5}}
    same(at_once(8, lambda _: house.change(operation, key="once", **body)))
    assert resource_of(house.orders).generation == 2


@pytest.mark.parametrize("user", ["DATABASE_URL", "DATABASE_OWNER_URL"])
def test_a_second_live_run_on_a_resource_is_impossible(house: House, user: str) -> None:
    resource = house.ordered()
    run = run_of(resource)
    connection.close()
    with databases.connected(user, house.database) as raw:
        columns = ", ".join(str(field.column) for field in Run._meta.concrete_fields if field.column != "id")
        second = f"INSERT INTO run (id, {columns}) SELECT gen_random_uuid(), {columns} FROM run WHERE id = %s"
        with pytest.raises(psycopg.errors.UniqueViolation, match="run_is_alone_on_its_resource"):
            raw.execute(second, [run.pk])
    assert Run.objects.filter(resource=resource).count() == 1
