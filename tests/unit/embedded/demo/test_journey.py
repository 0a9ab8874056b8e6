import json
from typing import Any

import httpx
import pytest

from platform_api.embedded.demo.chapters.catalog import catalog_show
from platform_api.embedded.demo.chapters.refusals import policy_refuses, quota_refuses, schema_refuses
from platform_api.embedded.demo.chapters.trail import trail_show
from platform_api.embedded.demo.journey import leftovers_give_back
from platform_api.embedded.demo.stage import ExpectationError
from tests.unit.embedded.demo.house import House, page, refusal

REQUESTS = "POST /api/v1/requests"
RESOURCES = "GET /api/v1/resources"
ENVIRONMENTS = "GET /api/v1/projects/demo/environments"


GONE = {"status": "deprovisioned"}


def ended(operation: str, number: int = 1) -> dict[str, Any]:
    return {
        "id": f"req_{number}",
        "operation": operation,
        "status": "completed",
        "failure": None,
        "created_at": "2026-11-21T08:00:01.204000Z",
        "completed_at": "2026-11-21T08:00:03.304000Z",
        "resource": {"id": "res_1", "name": "orders"},
        "run": {"url": "/api/v1/runs/run_1"},
    }


def test_only_what_a_demo_made_is_removed_and_only_while_it_is_there() -> None:
    rows = [
        {"id": "res_0", "name": "orders-0a1b2c", "status": "deprovisioned"},
        {"id": "res_1", "name": "reports0-0a1b2c", "status": "degraded"},
        {"id": "res_2", "name": "orders", "status": "ready"},
        {"id": "res_3", "name": "orders-0a1b2c-2", "status": "ready"},
        {"id": "res_4", "name": "pages-0a1b2c", "status": "ready"},
        {"id": "res_5", "name": "jobs-0a1b2c", "status": "pending"},
    ]
    gone = (1, 4, 5)
    house = House(
        {
            RESOURCES: page(*rows),
            ENVIRONMENTS: page({"id": "env_0", "name": "default"}, {"id": "env_1", "name": "preview-0a1b2c"}),
            "DELETE /api/v1/environments/env_1": httpx.Response(202, json={}),
            "GET /api/v1/environments/env_1": {"closed_at": "2026-11-21", "status": "closed", "components": [GONE]},
            **{f"DELETE /api/v1/resources/res_{n}": httpx.Response(202, json=ended("deprovision", n)) for n in gone},
            **{f"GET /api/v1/requests/req_{n}": ended("deprovision", n) for n in gone},
            **{f"GET /api/v1/resources/res_{n}": GONE for n in gone},
        }
    )
    leftovers_give_back(house.stage)
    deleted = [call.url for call in house.calls if call.method == "DELETE"]
    assert [(url.path, url.params["confirm"]) for url in deleted] == [
        ("/api/v1/environments/env_1", "preview-0a1b2c"),
        ("/api/v1/resources/res_1", "reports0-0a1b2c"),
        ("/api/v1/resources/res_4", "pages-0a1b2c"),
        ("/api/v1/resources/res_5", "jobs-0a1b2c"),
    ]


def test_a_clean_project_is_no_step() -> None:
    house = House({RESOURCES: page(), ENVIRONMENTS: page()})
    leftovers_give_back(house.stage)
    assert house.shown == ""


def test_a_catalog_without_the_offering_is_no_success() -> None:
    house = House({"GET /api/v1/offerings": page()})
    with pytest.raises(ExpectationError, match="a database, a queue and a cache"):
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
        trail_show(house.stage, ended("provision"))
    assert "08:00:01.204  worker  request.completed  provision orders  succeeded" in house.shown


def told(action: str, *, who: str = "demo", outcome: str = "succeeded", code: str | None = None) -> dict[str, Any]:
    return {
        "at": "2026-11-21T08:00:01.204000Z",
        "actor": {"name": who},
        "action": action,
        "object": {"name": "orders"},
        "outcome": outcome,
        "code": code,
        "reason": None,
        "correlation_id": "1",
    }


STORY = (
    told("request.submitted"),
    told("credentials.revealed"),
    told("call.refused", outcome="refused", code="request_refused"),
    told("request.completed", who="worker"),
)


def trail_of(*events: dict[str, Any]) -> House:
    house = House({"GET /api/v1/audit-events": page(*events)})
    house.stage.exchanges.append("1")
    house.stage.refusals.append("request_refused")
    return house


def test_the_page_of_the_first_order_is_named() -> None:
    house = trail_of(*STORY)
    trail_show(house.stage, ended("provision"))
    assert "    http://127.0.0.1:1/admin/id/req_1/\n" in house.shown


@pytest.mark.parametrize(
    ("events", "claim"),
    [
        ([STORY[0], told("credentials.revealed", who="stranger"), *STORY[2:]], "who was shown credentials"),
        ([*STORY[:2], STORY[3]], "every refusal is in the trail"),
    ],
    ids=["a stranger was shown credentials", "a refusal is missing"],
)
def test_a_trail_that_tells_something_else_is_no_success(events: list[dict[str, Any]], claim: str) -> None:
    with pytest.raises(ExpectationError, match=claim):
        trail_show(trail_of(*events).stage, ended("provision"))
