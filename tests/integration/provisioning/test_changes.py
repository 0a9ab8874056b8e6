"""Updates and deprovisions: what they wait for, what they stop, what they take and give back."""

from typing import Any

import pytest

from governance.selectors.quotas import quota_reconcile
from platform_api.audit.models import AuditEvent
from platform_api.core.http.conditions import tag_of
from platform_api.core.ids import Prefix, parse, show
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_failed
from tests.integration.provisioning.house import (
    House,
    begin_apply,
    body_of,
    carry_out,
    claim,
    quota,
    resource_of,
    run_of,
    shown,
)
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.together import at_once

BROKEN = RunFailure(code="broken", kind="permanent", detail="It broke.", remedy="Mend it.")


def request_status(resource: Resource, generation: int) -> str:
    return str(ProvisioningRequest.objects.get(resource=resource, generation=generation).status)


def without_ids(body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what is new in each."""
    return {**body, "id": None, "run": None, "created_at": None, "resource": body["resource"]["name"]}


@pytest.mark.parametrize("operation", ["update", "deprovision"])
def test_the_short_form_is_answered_like_the_long_one(house: House, operation: str) -> None:
    other = house.ordered(name="other")
    carry_out(other)
    client, address = house.owner.client, f"/api/v1/resources/{shown(other)}"
    if operation == "update":
        long = house.change("update", parameters={"connection_limit": 4}, reason="Fewer will do")
        change = {"parameters": {"connection_limit": 4}, "reason": "Fewer will do"}
        short = client.patch(address, change, format="json", headers={"If-Match": "*"})
    else:
        long, short = house.change("deprovision", confirm="orders"), client.delete(f"{address}?confirm=other")
    assert (long.status_code, short.status_code) == (202, 202)
    for answer in (long, short):
        body = body_of(answer)
        assert answer.headers["Location"] == f"/api/v1/requests/{body['id']}"
        assert answer.headers["ETag"] == tag_of(answer.content)
        assert (answer.headers["Content-Location"], answer.headers["Retry-After"]) == (answer.headers["Location"], "1")
        assert body["run"]["status"] == "pending"
        assert body_of(client.get(answer.headers["Location"])) == body
    assert {**without_ids(body_of(long)), "resource": "other"} == {
        **without_ids(body_of(short)),
        "parameters": body_of(long)["parameters"] if operation == "deprovision" else {**body_of(short)["parameters"]},
    }


def test_a_key_names_the_same_ask_in_both_forms(house: House) -> None:
    long = house.change("update", key="once", parameters={"connection_limit": 4})
    short = house.owner.client.patch(
        f"/api/v1/resources/{house.orders}",
        {"parameters": {"connection_limit": 4}},
        format="json",
        headers={"Idempotency-Key": '"once"', "If-Match": "*"},
    )
    assert (short.status_code, short.content) == (202, long.content)
    assert short.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("body", ["null", "", "{}"])
def test_an_empty_update_asks_for_the_same_again(house: House, body: str) -> None:
    answer: Any = house.owner.client.generic(
        "PATCH",
        f"/api/v1/resources/{house.orders}",
        body,
        content_type="application/json",
        headers={"If-Match": "*"},
    )
    assert answer.status_code == 202
    assert answer.json()["parameters"] == {"connection_limit": 10, "statement_timeout_seconds": 60}


def test_an_update_keeps_what_it_does_not_name(house: House) -> None:
    answer = house.change("update", parameters={"statement_timeout_seconds": 5})
    assert body_of(answer)["parameters"] == {"connection_limit": 10, "statement_timeout_seconds": 5}
    assert resource_of(house.orders).parameters == {"connection_limit": 10, "statement_timeout_seconds": 60}
    carry_out(resource_of(house.orders))
    assert resource_of(house.orders).parameters == {"connection_limit": 10, "statement_timeout_seconds": 5}


def test_a_new_plan_brings_its_own_defaults_and_keeps_what_was_set(house: House) -> None:
    # 10 connections were asked for; the 60 s were the small plan's own, and are the medium one's too.
    answer = house.change("update", plan="large")
    assert body_of(answer)["errors"][0]["code"] == "policy_denied"  # staging takes no large plan
    answer = house.change("update", plan="medium")
    assert body_of(answer)["parameters"] == {"connection_limit": 10, "statement_timeout_seconds": 60}


@pytest.mark.parametrize("is_held", [False, True])
def test_a_live_run_refuses_an_update(house: House, is_held: bool) -> None:  # noqa: FBT001 - a parameter of the test
    resource = house.ordered()
    if is_held:
        claim(resource)
    refused(lambda: house.change("update", shown(resource)), 409, "resource_busy")
    assert resource_of(shown(resource)).generation == 1


def test_a_deprovision_overtakes_a_run_that_waits(house: House) -> None:
    resource, run = (made := house.ordered()), run_of(made)
    answer = house.change("deprovision", shown(resource), confirm="invoices", reason="Not needed")
    assert body_of(answer)["run"]["status"] == "pending"
    run.refresh_from_db()
    assert run.status == "superseded"
    assert request_status(resource, 1) == "canceled"
    assert run_of(resource).operation == "deprovision"
    assert AuditEvent.objects.get(action="run.superseded", object_id=run.pk).actor_name == "owner"
    carry_out(resource)
    gone = resource_of(shown(resource))
    assert (gone.status, gone.desired, gone.observed_generation) == ("deprovisioned", "absent", 2)
    assert quota() == (0, 1)
    assert quota_reconcile() == []


def test_a_deprovision_asks_a_held_run_to_stop_and_follows_it(house: House) -> None:
    resource = house.ordered()
    claimed = claim(resource)
    answer = house.change("deprovision", shown(resource), confirm="invoices")
    assert (answer.status_code, body_of(answer)["run"]) == (202, None)
    run = Run.objects.get(pk=claimed.run_id)
    assert run.status == "planning"
    assert run.cancel_requested_at is not None
    event = AuditEvent.objects.get(action="run.cancel_requested", object_id=run.pk)
    assert (event.actor_name, event.reason, event.team_id) == (
        "owner", "A deprovision was asked for.", house.people.shop.pk,
    )  # fmt: skip
    run_failed(claimed, BROKEN, has_applied=False, is_canceled=True)
    assert run_of(resource).operation == "deprovision"
    carry_out(resource)
    assert resource_of(shown(resource)).status == "deprovisioned"
    assert [request_status(resource, generation) for generation in (1, 2)] == ["canceled", "completed"]
    assert quota() == (0, 1)


@pytest.mark.parametrize("attempt", range(3))
def test_a_deprovision_may_meet_the_end_of_a_run(house: House, attempt: int) -> None:
    resource = house.ordered()
    claimed = claim(resource)

    def one(number: int) -> int:
        if number:
            run_failed(claimed, BROKEN, has_applied=False)
            return 202
        return house.change("deprovision", shown(resource), confirm="invoices").status_code

    # Either the run ended first, and the resource is gone already, or its end leaves it to the deprovision.
    (answered, _), left = at_once(2, one), resource_of(shown(resource))
    assert (answered, left.status) in {(202, "pending"), (409, "deprovisioned")}
    if answered == 202:
        carry_out(resource)
    assert resource_of(shown(resource)).status == "deprovisioned"
    assert quota() == (0, 1)


@pytest.mark.parametrize("is_held", [False, True])
def test_a_second_deprovision_is_told_of_the_first(house: House, is_held: bool) -> None:  # noqa: FBT001 - as above
    resource = house.ordered()
    if is_held:
        claim(resource)  # the first deprovision waits for it, without a run of its own
    assert house.change("deprovision", shown(resource), confirm="invoices").status_code == 202
    refused(lambda: house.change("deprovision", shown(resource), confirm="invoices"), 409, "resource_busy")
    refused(lambda: house.change("update", shown(resource)), 409, "resource_busy")
    assert resource_of(shown(resource)).generation == 2


def test_a_deprovision_that_failed_can_be_asked_for_again(house: House) -> None:
    house.change("deprovision", confirm="orders")
    run_failed(claim(resource_of(house.orders)), BROKEN, has_applied=False)
    assert house.change("deprovision", confirm="orders").status_code == 202


def test_what_is_gone_is_not_changed(house: House) -> None:
    house.change("deprovision", confirm="orders")
    carry_out(resource_of(house.orders))
    for operation, body in (("update", {}), ("deprovision", {"confirm": "orders"})):
        refused(lambda o=operation, b=body: house.change(o, **b), 409, "already_final")  # type: ignore[misc]  # defaults bind the loop's values
    assert house.order(name="orders").status_code == 202  # its name is free again


def test_what_is_protected_is_not_given_back(house: House) -> None:
    Resource.objects.filter(pk=parse(Prefix.RESOURCE, house.orders)).update(delete_protected=True)
    refused(lambda: house.change("deprovision", confirm="orders"), 409, "delete_protected")


def test_more_is_taken_when_it_is_asked_for_and_in_use_when_it_is_there(house: House) -> None:
    assert quota() == (0, 1)
    answer = house.change("update", plan="medium")
    assert answer.status_code == 202
    assert [
        (taken["kind"], taken["scope"], taken["requested"], taken["used"]) for taken in body_of(answer)["quota"]
    ] == [
        ("points", "project:checkout", 2, 3),
        ("points", "team:shop", 2, 3),
    ]
    assert quota() == quota("team:shop") == (2, 1)
    assert quota(kind="count:database") == (0, 1)
    carry_out(resource_of(house.orders))
    assert quota() == quota("team:shop") == (0, 3)
    assert quota_reconcile() == []


def test_less_is_given_back_only_when_it_is_there(house: House) -> None:
    house.change("update", plan="medium")
    carry_out(resource_of(house.orders))
    answer = house.change("update", plan="small")
    assert (answer.status_code, body_of(answer)["quota"]) == (202, [])
    assert quota() == (0, 3)
    carry_out(resource_of(house.orders))
    assert quota() == (0, 1)
    assert quota_reconcile() == []


def test_an_update_that_fails_before_it_began_gives_back_what_it_took(house: House) -> None:
    house.change("update", plan="medium")
    run_failed(claim(resource_of(house.orders)), BROKEN, has_applied=False)
    assert quota() == (0, 1)
    resource = resource_of(house.orders)
    assert (resource.status, resource.plan.slug, resource.generation, resource.observed_generation) == (
        "ready", "small", 2, 1,
    )  # fmt: skip
    assert request_status(resource, 2) == "failed"


def test_what_an_update_has_half_made_is_held_until_a_run_says_what_is_there(house: House) -> None:
    house.change("update", plan="medium")
    claimed = claim(resource_of(house.orders))
    begin_apply(claimed)
    run_failed(claimed, BROKEN, has_applied=True)
    assert (resource_of(house.orders).status, quota()) == ("degraded", (2, 1))
    house.change("rotate")
    run_failed(claim(resource_of(house.orders)), BROKEN, has_applied=False)
    assert quota() == (2, 1)  # a rotation took nothing, and knows nothing of what is there
    house.change("update", plan="small")
    run_failed(claim(resource_of(house.orders)), BROKEN, has_applied=False)
    assert quota() == (2, 1)  # it may still be of either size
    house.change("rotate")
    carry_out(resource_of(house.orders))
    assert (resource_of(house.orders).status, quota()) == ("ready", (0, 1))  # now it is small for sure
    assert quota_reconcile() == []


def test_a_first_order_that_fails_before_it_began_leaves_nothing(house: House) -> None:
    resource = house.ordered()
    run_failed(claim(resource), BROKEN, has_applied=False)
    assert quota() == (0, 1)
    assert resource_of(shown(resource)).status == "deprovisioned"
    assert house.order().status_code == 202


def test_a_teammate_changes_what_another_ordered_and_stands_in_the_story(house: House) -> None:
    answer = house.change("update", by=house.people.teammate, parameters={"connection_limit": 3})
    assert body_of(answer)["requested_by"]["name"] == "teammate"
    event = AuditEvent.objects.get(action="request.submitted", actor_name="teammate")
    assert event.before == {"plan": "small", "parameters": {"connection_limit": 10, "statement_timeout_seconds": 60}}
    assert event.after == {
        "operation": "update", "offering": "postgres-database", "version": "1.0.0", "plan": "small",
        "environment": "staging", "resource": house.orders, "ticket": None, "quota": [],
        "parameters": {"connection_limit": 3, "statement_timeout_seconds": 60},
    }  # fmt: skip
    assert show(Prefix.RESOURCE, resource_of(house.orders).pk) == house.orders
