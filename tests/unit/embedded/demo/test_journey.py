import json
from typing import Any

import httpx
import pytest

from platform_api.embedded.demo.journey import leftovers_give_back
from platform_api.embedded.demo.ordering import catalog_show
from platform_api.embedded.demo.refusals import policy_refuses, quota_refuses, schema_refuses
from platform_api.embedded.demo.stage import ExpectationError
from platform_api.embedded.demo.trail import trail_show
from tests.unit.embedded.demo.house import House, page, refusal

REQUESTS = "POST /api/v1/requests"
RESOURCES = "GET /api/v1/resources"


def ended(operation: str) -> dict[str, Any]:
    return {
        "id": "req_1",
        "operation": operation,
        "status": "completed",
        "failure": None,
        "resource": {"id": "res_1", "name": "orders"},
        "run": {"url": "/api/v1/runs/run_1"},
    }


RUN = {
    "GET /api/v1/runs/run_1": {"status": "applied", "steps": [], "progress": None},
    "GET /api/v1/runs/run_1/log": {"lines": [], "next_after": 0, "is_complete": True},
}


def test_only_what_a_demo_made_is_removed_and_only_while_it_is_there() -> None:
    rows = [
        {"id": "res_0", "name": "orders-0a1b2c", "status": "deprovisioned"},
        {"id": "res_1", "name": "reports0-0a1b2c", "status": "degraded"},
        {"id": "res_2", "name": "orders", "status": "ready"},
        {"id": "res_3", "name": "orders-0a1b2c-2", "status": "ready"},
    ]
    house = House(
        {
            RESOURCES: page(*rows),
            "DELETE /api/v1/resources/res_1": httpx.Response(202, json=ended("deprovision")),
            "GET /api/v1/requests/req_1": ended("deprovision"),
            "GET /api/v1/resources/res_1": {"status": "deprovisioned"},
            **RUN,
        }
    )
    leftovers_give_back(house.stage)
    deleted = [call.url for call in house.calls if call.method == "DELETE"]
    assert [(url.path, url.params["confirm"]) for url in deleted] == [("/api/v1/resources/res_1", "reports0-0a1b2c")]


def test_a_clean_project_is_no_step() -> None:
    house = House({RESOURCES: page()})
    leftovers_give_back(house.stage)
    assert house.shown == ""


def test_a_catalog_without_the_offering_is_no_success() -> None:
    house = House({"GET /api/v1/offerings": page()})
    with pytest.raises(ExpectationError, match="came      None"):
        catalog_show(house.stage)


def test_findings_that_come_one_at_a_time_are_no_success() -> None:
    finding = {"pointer": "#/parameters/connection_limit", "code": "out_of_range", "detail": "5000 is more than 20."}
    house = House({REQUESTS: refusal(422, "request_refused", finding), RESOURCES: page()})
    with pytest.raises(ExpectationError, match="all three mistakes are told at once"):
        schema_refuses(house.stage)


def test_a_policy_that_lets_everything_through_is_no_success() -> None:
    house = House({REQUESTS: httpx.Response(202, json=ended("provision"))})
    with pytest.raises(ExpectationError) as caught:
        policy_refuses(house.stage)
    assert "expected  422" in caught.value.detail
    assert "came      202 with id, operation" in caught.value.detail


def test_a_refusal_is_shown_as_it_came() -> None:
    finding = {
        "pointer": "#/plan",
        "code": "policy_denied",
        "policy": "large_plans_in_production",
        "detail": "Plan large is for production.",
    }
    answer = refusal(422, "request_refused", finding)
    house = House({REQUESTS: answer, RESOURCES: page()})
    policy_refuses(house.stage)
    shown = "\n".join(line[4:] for line in house.shown.splitlines())
    assert json.dumps(answer.json(), indent=2) in shown


def test_a_refused_ask_that_left_a_resource_is_no_success() -> None:
    finding = {"pointer": "#/plan", "code": "policy_denied", "policy": "large_plans_in_production", "detail": "No."}
    house = House({REQUESTS: refusal(422, "request_refused", finding), RESOURCES: page({"id": "res_1"})})
    with pytest.raises(ExpectationError, match="and nothing was ordered"):
        policy_refuses(house.stage)


def test_a_quota_that_never_ends_is_no_success_and_is_not_tried_for_ever() -> None:
    house = House(
        {
            "PUT /api/v1/projects/demo/environments/live": {},
            "GET /api/v1/quotas": page(),
            REQUESTS: httpx.Response(202, json=ended("provision")),
            "GET /api/v1/requests/req_1": ended("provision"),
            **RUN,
        }
    )
    with pytest.raises(ExpectationError, match="the quota ends"):
        quota_refuses(house.stage)
    assert len([call for call in house.calls if call.method == "POST"]) == 6


def test_a_quota_that_takes_from_a_refused_ask_is_no_success() -> None:
    taken = {"scope": "project:demo", "kind": "points", "reserved": 10, "used": 0}
    house = House(
        {
            "PUT /api/v1/projects/demo/environments/live": {},
            "GET /api/v1/quotas": [page(), page(taken)],
            REQUESTS: refusal(422, "request_refused", {"pointer": "#", "code": "quota_exceeded", "detail": "No."}),
            RESOURCES: page(),
        }
    )
    with pytest.raises(ExpectationError, match="no quota was taken"):
        quota_refuses(house.stage)


def test_a_trail_without_its_beginning_is_no_success() -> None:
    event = {
        "at": "2026-11-21T08:00:01.204000Z",
        "actor": {"name": "worker"},
        "action": "request.completed",
        "object": {"name": "provision orders"},
        "outcome": "succeeded",
        "code": None,
        "reason": None,
        "correlation_id": "1",
    }
    house = House({"GET /api/v1/audit-events": page(event)})
    house.stage.exchanges.append("1")
    with pytest.raises(ExpectationError, match="begins with who asked"):
        trail_show(house.stage)
    assert "08:00:01.204  worker  request.completed  provision orders  succeeded" in house.shown
