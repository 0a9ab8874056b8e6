"""Which refusals come alone, which together, and that none leaves anything behind."""

from typing import Any

import pytest
from django.http import HttpResponse
from pytest_django import Settings

from catalog.models import Connection
from governance.models import Quota
from platform_api.audit.models import AuditEvent
from platform_api.tenancy.services.teams import project_create
from provisioning.models import Environment
from tests.integration.provisioning.house import House, body_of, carry_out, contents, shown
from tests.people import TESTS


def limit(points: int) -> None:
    Quota.objects.filter(scope_name="project:checkout", kind="points").update(limit=points)


def codes(answer: HttpResponse) -> list[tuple[str, str]]:
    return [(found["pointer"], found["code"]) for found in body_of(answer)["errors"]]


def is_recorded(answer: HttpResponse, house: House) -> bool:
    """Tell whether the refusal stands in the trail of the project's team, with what was found."""
    body = body_of(answer)
    event = AuditEvent.objects.get(correlation_id=body["correlation_id"])
    found = None if not body["errors"] else [{"pointer": p, "code": c} for p, c in codes(answer)]
    assert (event.after or {}).get("errors") == found
    return (event.action, event.outcome, event.code, event.team_id, event.project_id) == (
        "call.refused", "refused", body["code"], house.people.shop.pk, house.people.checkout.pk,
    )  # fmt: skip


def test_what_the_schema_refuses_is_told_alone_and_all_at_once(house: House) -> None:
    limit(0)
    before = contents()
    answer = house.order(plan="large", parameters={"connection_limit": "many", "statement_timeout_second": 1})
    assert answer.status_code == 422
    assert sorted(codes(answer)) == [
        ("#/parameters/connection_limit", "type_mismatch"),
        ("#/parameters/statement_timeout_second", "unknown_field"),
    ]
    assert contents() == before
    assert is_recorded(answer, house)


def test_what_policy_and_quota_refuse_is_told_together(house: House) -> None:
    limit(5)
    before = contents()
    answer = house.order(plan="large")
    assert answer.status_code == 422
    assert codes(answer) == [("#/plan", "policy_denied"), ("#/project", "quota_exceeded")]
    policy, quota = body_of(answer)["errors"]
    assert (policy["policy"], policy["level"]) == ("large_plans_in_production", "hard_mandatory")
    assert (quota["kind"], quota["scope"], quota["limit"], quota["used"], quota["requested"]) == (
        "points", "project:checkout", 5, 1, 10,
    )  # fmt: skip
    assert all(found["detail"] and found["remedy"] for found in (policy, quota))
    assert contents() == before
    assert is_recorded(answer, house)


def test_what_policy_and_quota_refuse_of_an_update_is_told_together(house: House) -> None:
    limit(5)
    before = contents()
    answer = house.change("update", plan="large")
    assert codes(answer) == [("#/plan", "policy_denied"), ("#/project", "quota_exceeded")]
    assert body_of(answer)["errors"][1]["requested"] == 9  # one of the ten is held already
    assert contents() == before
    assert is_recorded(answer, house)


def test_an_update_that_needs_no_more_is_refused_by_policy_alone_though_the_quota_is_full(house: House) -> None:
    resource = house.ordered(environment="live")
    carry_out(resource)
    limit(0)
    answer = house.change("update", shown(resource), reason="", ticket="SHOP-1")
    assert codes(answer) == [("#/reason", "policy_denied")]


def test_every_policy_that_refuses_is_told(house: House) -> None:
    answer = house.order(environment="live", reason="", ticket=None)
    assert codes(answer) == [("#/ticket", "policy_denied"), ("#/reason", "policy_denied")]


def test_every_quota_that_refuses_is_told(house: House) -> None:
    Quota.objects.update(limit=0)
    before = contents()
    answer = house.order()
    found = {(each["scope"], each["kind"]) for each in body_of(answer)["errors"]}
    assert found == {
        (scope, kind) for scope in ("project:checkout", "team:shop") for kind in ("points", "count:database")
    }
    assert contents() == before
    assert is_recorded(answer, house)


def test_an_update_above_the_quota_is_refused_with_what_it_asked_for(house: House) -> None:
    limit(2)
    before = contents()
    answer = house.change("update", plan="medium")
    (found,) = body_of(answer)["errors"]
    assert (found["code"], found["used"], found["requested"]) == ("quota_exceeded", 1, 2)
    assert contents() == before
    assert is_recorded(answer, house)


def test_policies_that_cannot_be_asked_refuse(house: House, settings: Settings) -> None:
    settings.POLICY_SOCKET = settings.POLICY_SOCKET.with_name("nobody.sock")
    before = contents()
    for answer in (house.order(), house.change("update")):
        assert codes(answer) == [("#", "policy_engine_error")]
    assert house.change("deprovision", confirm="orders").status_code == 202  # giving back is never refused
    assert contents() != before


def test_without_a_target_nothing_is_ordered(house: House) -> None:
    Connection.objects.update(is_active=False)
    before = contents()
    answer = house.order()
    assert (answer.status_code, body_of(answer)["code"]) == (503, "connection_missing")
    assert answer.headers["Retry-After"]
    assert contents() == before


def test_a_taken_name_is_refused_and_free_again_in_another_environment(house: House) -> None:
    before = contents()
    answer = house.order(name="orders")
    assert (answer.status_code, body_of(answer)["code"]) == (409, "name_taken")
    assert "orders" in body_of(answer)["detail"]
    assert body_of(answer)["remedy"]
    assert contents() == before
    assert is_recorded(answer, house)
    assert house.order(name="orders", environment="default").status_code == 202


def test_an_unknown_environment_is_refused_with_those_that_there_are(house: House) -> None:
    before = contents()
    answer = house.order(environment="nowhere")
    assert codes(answer) == [("#/environment", "unknown_environment")]
    assert body_of(answer)["remedy"] == "Choose one of: default, live, staging."
    assert contents() == before
    assert is_recorded(answer, house)


def test_a_role_that_is_missing_is_recorded_where_the_team_can_read_it(house: House) -> None:
    answer = house.order(by=house.people.viewer)
    assert (answer.status_code, body_of(answer)["code"]) == (403, "role_missing")
    assert is_recorded(answer, house)


@pytest.mark.parametrize("environment", [None, "default"])
def test_a_first_order_finds_the_default_environment(house: House, environment: str | None) -> None:
    project_create(team=house.people.shop, slug="fresh", name="Fresh", caller=TESTS)
    answer = house.order(by=house.people.lead, project="fresh", environment=environment)
    assert answer.status_code == 202
    made: Any = Environment.objects.get(project__slug="fresh")
    assert (made.name, made.tier, made.expires_at) == ("default", "development", None)
    assert AuditEvent.objects.get(action="environment.created", object_id=made.pk).actor_name == "default"
