"""The chapter on a preview environment, in front of an API of a few lines."""

from typing import Any

import httpx
import pytest

from platform_api.embedded.demo import following
from platform_api.embedded.demo.chapters.environments import (
    environment_order,
    environment_stays_closed,
    environment_use,
    environment_watch,
    environments_give_back,
)
from platform_api.embedded.demo.stage import ExpectationError
from tests.unit.embedded.demo.house import House, refusal

NAMED = "PUT /api/v1/projects/demo/environments/preview-0a1b2c"
WATCHED = "GET /api/v1/environments/env_1"
ASKED = {"id": "env_1", "name": "preview-0a1b2c", "expires_at": "2026-11-21T09:00:00Z"}


def component(name: str, status: str, *needs: str, failure: str | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "status": status,
        "needs": list(needs),
        "kind": {"db": "database", "events": "queue"}[name],
        "resource": f"res_{name}",
        "failure": None if failure is None else {"detail": failure},
    }


def environment(status: str, db: str, events: str, *, failure: str | None = None) -> dict[str, Any]:
    return {
        **ASKED,
        "status": status,
        "components": [component("db", db), component("events", events, "db", failure=failure)],
        "outputs": {"db": {"host": "here"}, "events": {"stream": "events:stream"}} if status == "ready" else {},
        "closed_at": "2026-11-21T08:00:00Z" if status == "closed" else None,
    }


READY = environment("ready", "ready", "ready")


def test_an_order_that_makes_two_environments_is_no_success() -> None:
    first, second = (httpx.Response(status, json={**ASKED, "id": shown}) for status, shown in ((202, "a"), (200, "b")))
    with pytest.raises(ExpectationError, match="the repeated order is the same environment"):
        environment_order(House({NAMED: [first, second]}).stage)


def test_components_are_shown_as_they_come() -> None:
    house = House(
        {
            WATCHED: [
                environment("creating", "pending", "pending"),
                environment("creating", "ready", "pending"),
                environment("creating", "ready", "pending"),
                READY,
            ]
        }
    )
    assert environment_watch(house.stage, ASKED) == READY
    assert [line.strip() for line in house.shown.splitlines()] == [
        "db pending, events pending",
        "db ready, events pending",
        "db ready, events ready",
        "ok  environment preview-0a1b2c is ready, and no component came before what it needs",
        "ok  it tells the outputs of all of them",
    ]


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ([environment("creating", "pending", "ready")], "no component comes before what it needs"),
        ([environment("failed", "ready", "deprovisioned", failure="It is full.")], "came      failed: It is full."),
        ([environment("degraded", "ready", "degraded")], "came      degraded"),
        ([{**READY, "outputs": {"db": {}}}], "the outputs of all of them"),
    ],
    ids=["too early", "failed", "degraded", "without outputs"],
)
def test_an_environment_that_does_not_come_as_promised_is_no_success(looks: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(ExpectationError, match=told):
        environment_watch(House({WATCHED: looks}).stage, ASKED)


@pytest.mark.parametrize(
    ("source", "claim"),
    [("db.outputs.host", "consumer_group of events is host of db"), ("parameters.group", "told something of another")],
    ids=["another value arrived", "nothing is wired"],
)
def test_wiring_that_does_not_arrive_is_no_success(source: str, claim: str) -> None:
    house = House(
        {
            "GET /api/v1/offerings/preview-environment": {
                "components": [
                    {"name": "db", "wiring": {}},
                    {"name": "events", "wiring": {"consumer_group": source}},
                ]
            },
            "GET /api/v1/resources/res_events": {"parameters": {"consumer_group": "there"}},
        }
    )
    with pytest.raises(ExpectationError, match=claim):
        environment_use(house.stage, READY)


def test_an_environment_that_closed_over_something_is_no_success() -> None:
    left = environment("closed", "deprovisioned", "degraded")
    house = House({"DELETE /api/v1/environments/env_1": httpx.Response(202, json={}), WATCHED: left})
    with pytest.raises(ExpectationError, match="is closed, with all that was in it"):
        environments_give_back(house.stage, [ASKED])


def test_an_environment_that_is_never_closed_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_BOUND_SECONDS", 0)
    stays = environment("deleting", "ready", "degraded")
    house = House({"DELETE /api/v1/environments/env_1": httpx.Response(202, json={}), WATCHED: stays})
    with pytest.raises(ExpectationError, match="came      still under way"):
        environments_give_back(house.stage, [ASKED])


def test_a_late_order_that_brings_it_back_is_no_success() -> None:
    environment_stays_closed(House({NAMED: refusal(410, "environment_closed")}).stage)
    with pytest.raises(ExpectationError, match="is answered with 410"):
        environment_stays_closed(House({NAMED: httpx.Response(202, json=ASKED)}).stage)
