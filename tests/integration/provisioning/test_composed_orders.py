"""Composed environments: ordered as one, made in the order of their needs, given back in reverse."""

from pathlib import Path
from typing import Any

import pytest

from catalog.models import Connection, OfferingVersion, Plan
from catalog.services.retirement import plan_retire, version_retire
from governance.models import PolicyDecision
from governance.selectors.quotas import quota_reconcile
from platform_api.audit.models import AuditEvent
from platform_api.core.ids import Prefix, parse, show
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.services.execution.outcomes import canceled, run_failed
from tests.compositions import COMPOSED
from tests.integration.provisioning import trio
from tests.integration.provisioning.house import (
    House,
    body_of,
    carry_out,
    claim,
    prepare,
    quota,
    resource_of,
    run_of,
    shown,
)
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.trio import delete, look, make, ordered, part, put, running, statuses
from tests.people import TESTS


@pytest.fixture
def house(borrowed_house: House, tmp_path: Path) -> House:
    """The house, with a composed offering in its catalog."""
    trio.publish(tmp_path)
    return borrowed_house


def test_it_is_ordered_with_one_call_and_everything_is_there_at_once(house: House) -> None:
    answer = put(house, parameters={"connections": 7}, ticket="SHOP-142", source={"pull_request": 142})
    body = body_of(answer)
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/api/v1/environments/{body['id']}")
    assert int(answer.headers["Retry-After"]) > 0
    assert [(each["name"], each["status"], each["needs"], each["failure"]) for each in body["components"]] == [
        ("db", "pending", [], None), ("reports", "pending", ["db"], None), ("archive", "pending", ["reports"], None),
    ]  # fmt: skip
    assert {name: body[name] for name in ("name", "project", "tier", "status", "offering", "parameters", "source")} == {
        "name": "pr-142",
        "project": "checkout",
        "tier": "development",
        "status": "creating",
        "offering": {"slug": "trio", "version": "1.0.0"},
        "parameters": {"connections": 7},
        "source": {"pull_request": 142},
    }
    assert (body["outputs"], body["cost"], body["created_by"]) == (
        {}, {"monthly": [{"amount": "87.00", "currency": "EUR"}]}, "owner",
    )  # fmt: skip
    assert quota() == (trio.TOGETHER[0], 1)  # the one that is used is the house's own
    assert quota(kind="count:database") == (trio.TOGETHER[1], 1)
    requests = ProvisioningRequest.objects.filter(environment_id=parse(Prefix.ENVIRONMENT, body["id"]))
    assert set(requests.values_list("status", "reason", "ticket", "requested_by_name")) == {
        ("fulfilling", "Pull request 142", "SHOP-142", "owner")
    }
    assert PolicyDecision.objects.filter(subject_id__in=requests.values("pk")).count() == 3
    assert AuditEvent.objects.filter(action="request.submitted", object_id__in=requests.values("pk")).count() == 3
    made = AuditEvent.objects.get(action="environment.created", object_name="pr-142")
    assert made.after is not None
    assert (made.actor_name, made.reason, made.after["offering"], set(made.after["components"])) == (
        "owner", "Pull request 142", "trio", {"db", "reports", "archive"},
    )  # fmt: skip


def test_only_what_needs_nothing_begins_and_the_rest_follows_as_its_turn_comes(house: House) -> None:
    environment = ordered(house)
    assert running(environment) == [("db", "provision")]
    make(house, environment, "db")
    assert running(environment) == [("reports", "provision")]
    make(house, environment, "reports")
    assert running(environment) == [("archive", "provision")]
    assert look(house, environment)["status"] == "creating"
    make(house, environment, "archive")
    assert (running(environment), look(house, environment)["status"]) == ([], "ready")
    assert quota() == (0, trio.TOGETHER[0] + 1)
    assert quota_reconcile() == []


def test_what_is_wired_arrives_in_the_run_the_request_and_the_resource(house: House) -> None:
    environment = ordered(house, parameters={"connections": 7})
    before = part(house, environment, "reports")
    assert before.parameters == {"connection_limit": 7}
    carry_out(part(house, environment, "db"), port=600)
    reports = part(house, environment, "reports")
    wanted = {"connection_limit": 7, "statement_timeout_seconds": 600}
    assert run_of(reports).parameters == reports.parameters == wanted
    assert ProvisioningRequest.objects.get(resource=reports).parameters == wanted


def test_outputs_of_the_whole_are_told_by_component(house: House) -> None:
    environment = ordered(house)
    make(house, environment, "db")
    assert set(look(house, environment)["outputs"]) == {"db"}
    make(house, environment, "reports", "archive")
    outputs = look(house, environment)["outputs"]
    assert set(outputs) == {"db", "reports", "archive"}
    assert outputs["db"]["port"] == 60


def test_by_its_name_and_by_its_id_it_is_the_same(house: House) -> None:
    environment = ordered(house)
    assert body_of(house.owner.client.get(trio.PREVIEW)) == look(house, environment)


def test_asked_for_again_it_is_left_alone(house: House) -> None:
    first = put(house, parameters={"connections": 7})
    again = put(house, parameters={"connections": 3}, version="1.0.0")
    assert (first.status_code, again.status_code) == (202, 200)
    assert body_of(again) == body_of(first)
    assert "Retry-After" not in again.headers


@pytest.mark.parametrize("body", [{"offering": None}, {"offering": "other"}, {"version": "2.0.0"}], ids=str)
def test_asked_for_as_something_else_it_is_refused(house: House, tmp_path: Path, body: dict[str, Any]) -> None:
    ordered(house)
    trio.publish(tmp_path / "other", slug="other")
    trio.publish(tmp_path / "newer", manifest=COMPOSED.replace("version: 1.0.0\ntitle", "version: 2.0.0\ntitle"))
    refused(lambda: put(house, **body), 409, "environment_differs")
    assert "as trio 1.0.0" in body_of(put(house, **body))["detail"]


def test_asked_for_without_a_version_it_stays_what_it_is_though_a_newer_one_was_published(
    house: House, tmp_path: Path
) -> None:
    environment = ordered(house)
    trio.publish(tmp_path / "newer", manifest=COMPOSED.replace("version: 1.0.0\ntitle", "version: 2.0.0\ntitle"))
    again = put(house)
    assert (again.status_code, body_of(again)["id"]) == (200, environment)


def test_an_empty_one_is_not_taken_for_a_composed_one(house: House) -> None:
    put(house, offering=None)
    refused(lambda: put(house), 409, "environment_differs")


def test_it_can_be_ordered_into_besides_and_that_goes_with_it(house: House) -> None:
    environment = ordered(house)
    more = house.ordered(environment="pr-142", name="scratch")
    assert statuses(house, environment)["scratch"] == "pending"
    delete(house)
    assert resource_of(shown(more)).desired == "absent"


def test_given_back_it_goes_in_reverse_and_leaves_nothing(house: House) -> None:
    environment = ordered(house)
    make(house, environment)
    answer = delete(house)
    body = body_of(answer)
    assert (answer.status_code, body["status"], answer.headers["Location"]) == (
        202, "deleting", f"/api/v1/environments/{environment}",
    )  # fmt: skip
    assert set(Resource.objects.filter(component__environment=trio.row(environment)).values_list("desired")) == {
        ("absent",)
    }
    for name in ("archive", "reports", "db"):
        assert running(environment) == [(name, "deprovision")]
        carry_out(part(house, environment, name))
    closed = look(house, environment)
    assert (closed["status"], closed["closed_at"] is None, closed["outputs"]) == ("closed", False, {})
    assert closed["cost"] == {"monthly": []}
    assert trio.history(environment) == [
        *(("provision", name) for name in ("db", "reports", "archive")),
        *(("deprovision", name) for name in ("archive", "reports", "db")),
    ]
    assert quota() == (0, 1)
    assert quota_reconcile() == []
    assert house.owner.client.get(trio.PREVIEW).status_code == 404
    assert AuditEvent.objects.filter(action="environment.closed", object_name="pr-142").count() == 1


def test_given_back_while_it_is_made_what_was_never_begun_is_gone_at_once(house: House) -> None:
    environment = ordered(house)
    make(house, environment, "db")
    assert body_of(delete(house))["status"] == "deleting"
    assert statuses(house, environment) == {"db": "ready", "reports": "pending", "archive": "deprovisioned"}
    archived = ProvisioningRequest.objects.filter(resource=part(house, environment, "archive")).order_by("generation")
    assert list(archived.values_list("operation", "status")) == [
        ("provision", "canceled"), ("deprovision", "completed"),
    ]  # fmt: skip
    carry_out(part(house, environment, "reports"))
    carry_out(part(house, environment, "db"))
    assert look(house, environment)["status"] == "closed"
    assert (quota(), quota_reconcile()) == ((0, 1), [])


def test_given_back_while_a_worker_makes_something_it_goes_when_that_has_ended(house: House) -> None:
    environment = ordered(house)
    db = part(house, environment, "db")
    claimed = claim(db)
    delete(house)
    assert running(environment) == [("db", "provision")]
    assert run_of(db).cancel_requested_at is not None
    prepare(claimed)
    run_failed(claimed, canceled(), has_applied=False, is_canceled=True)
    carry_out(part(house, environment, "db"))
    assert look(house, environment)["status"] == "closed"
    assert (quota(), quota_reconcile()) == ((0, 1), [])


def test_needed_components_cannot_be_given_back_one_by_one(house: House) -> None:
    environment = ordered(house)
    make(house, environment)
    db = shown(part(house, environment, "db"))
    refused(lambda: house.change("deprovision", db, confirm="db"), 409, "part_of_environment")
    answer = body_of(house.change("deprovision", db, confirm="db"))
    assert "reports" in answer["detail"]
    assert f"/api/v1/environments/{environment}?confirm=pr-142" in answer["remedy"]
    archive = part(house, environment, "archive")
    assert house.change("deprovision", shown(archive), confirm="archive").status_code == 202
    carry_out(archive)
    assert statuses(house, environment) == {"db": "ready", "reports": "ready", "archive": "deprovisioned"}
    assert look(house, environment)["status"] == "ready"


def test_a_component_can_be_updated_and_rotated_once_it_is_there(house: House) -> None:
    environment = ordered(house)
    waiting = shown(part(house, environment, "reports"))
    refused(lambda: house.change("update", waiting, parameters={"connection_limit": 9}), 409, "resource_busy")
    refused(lambda: house.post(f"resources/{waiting}/credentials/rotate"), 409, "credentials_not_ready")
    make(house, environment)
    db = part(house, environment, "db")
    assert house.change("update", shown(db), parameters={"connection_limit": 9}).status_code == 202
    carry_out(db)
    assert house.post(f"resources/{shown(db)}/credentials/rotate").status_code == 202
    assert look(house, environment)["status"] == "ready"


def test_the_run_of_the_second_is_made_by_the_end_of_the_first_and_told_so(house: House) -> None:
    environment = ordered(house)
    make(house, environment, "db")
    run = Run.objects.get(resource=part(house, environment, "reports"))
    event = AuditEvent.objects.get(action="run.pending", object_id=run.pk)
    assert event.correlation_id == run.correlation_id


@pytest.mark.parametrize("slug", ["small", "medium"])
def test_a_plan_of_a_component_that_was_retired_since_is_pointed_to(house: House, slug: str) -> None:
    plan_retire(plan=Plan.objects.get(slug=slug, version__offering__slug="postgres-database"), caller=TESTS)
    told = refused(lambda: put(house), 422, "request_refused")
    assert told == [({"small": "#/components/db/plan", "medium": "#/components/reports/plan"}[slug], "plan_retired")]


def test_a_composition_that_was_retired_is_refused(house: House) -> None:
    version_retire(version=OfferingVersion.objects.get(offering__slug="trio"), caller=TESTS)
    assert refused(lambda: put(house), 422, "request_refused") == [("#/offering", "version_retired")]


def test_without_a_target_for_a_component_nothing_is_ordered(house: House) -> None:
    Connection.objects.filter(slug="main").update(tiers=["production"])
    refused(lambda: put(house), 503, "connection_missing")


def test_what_waits_for_its_turn_can_be_looked_at_like_anything_else(house: House) -> None:
    environment = ordered(house)
    reports = shown(part(house, environment, "reports"))
    resource = body_of(house.owner.client.get(f"/api/v1/resources/{reports}"))
    assert (resource["status"], resource["environment"], resource["expires_at"] is None) == ("pending", "pr-142", False)
    ask = ProvisioningRequest.objects.get(resource__name="reports", environment__name="pr-142")
    request = body_of(house.owner.client.get(f"/api/v1/requests/{show(Prefix.PROVISIONING_REQUEST, ask.pk)}"))
    assert (request["status"], request["run"]) == ("fulfilling", None)
    listed = body_of(house.owner.client.get("/api/v1/resources?environment=pr-142&project=checkout"))["results"]
    assert {row["name"] for row in listed} == set(trio.NAMES)
    refused(lambda: house.post(f"resources/{reports}/credentials"), 409, "credentials_not_ready")
