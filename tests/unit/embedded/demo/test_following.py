from typing import Any

import pytest

from platform_api.embedded.demo import following
from platform_api.embedded.demo.following import request_follow, requests_follow
from platform_api.embedded.demo.stage import ExpectationError
from tests.unit.embedded.demo.house import House

ASKED = {"id": "req_1", "operation": "provision", "resource": {"name": "orders"}, "run": {"url": "/api/v1/runs/run_1"}}


def request(status: str, failure: dict[str, str] | None = None, *, of: dict[str, Any] = ASKED) -> dict[str, Any]:
    times = {"created_at": "2026-11-21T08:00:01.204000Z", "completed_at": "2026-11-21T08:00:03.304000Z"}
    return {**of, **times, "status": status, "failure": failure}


def run(status: str, *steps: tuple[str, str], percent: int | None = None) -> dict[str, Any]:
    return {
        "status": status,
        "steps": [{"name": name, "status": state, "seconds": 0.5} for name, state in steps],
        "progress": None if percent is None else {"percent": percent},
    }


def log(*lines: str, after: int, is_complete: bool = False) -> dict[str, Any]:
    rows = [{"at": "2026-11-21T08:00:01.204000Z", "source": "terraform", "line": line} for line in lines]
    return {"lines": rows, "next_after": after, "is_complete": is_complete}


def house_of(requests: list[Any], runs: list[Any], logs: list[Any]) -> House:
    return House(
        {
            "GET /api/v1/requests/req_1": requests,
            "GET /api/v1/runs/run_1": runs,
            "GET /api/v1/runs/run_1/log": logs,
        }
    )


def made() -> House:
    return house_of(
        [request("fulfilling"), request("fulfilling"), request("completed")],
        [
            run("planning", ("plan", "running")),
            run("applying", ("plan", "done"), percent=50),
            run("applied", ("plan", "done"), percent=100),
        ],
        [log("one", after=1), log("two", "three", after=3), log("four", after=4, is_complete=True)],
    )


def test_steps_percent_and_log_lines_are_shown_once_and_in_their_order() -> None:
    house = made()
    assert request_follow(house.stage, ASKED)["status"] == "completed"
    assert [line.strip() for line in house.shown.splitlines()] == [
        "08:00:01.204  terraform  one",
        "08:00:01.204  terraform  two",
        "08:00:01.204  terraform  three",
        "step plan done in 0.50 s",
        "run applying 50 %",
        "08:00:01.204  terraform  four",
        "run applied 100 %",
        "ok  the request to provision orders is completed",
    ]
    afters = [call.url.params["after"] for call in house.calls if call.url.path.endswith("/log")]
    assert afters == ["0", "1", "3"]


def test_the_last_lines_are_waited_for() -> None:
    house = house_of(
        [request("completed")], [run("applied")], [log("one", after=1), log("two", after=2, is_complete=True)]
    )
    request_follow(house.stage, ASKED)
    assert house.shown.index("two") < house.shown.index("ok  the request")


def test_a_request_that_fails_is_told_with_its_failure() -> None:
    failure = {"detail": "The server is full.", "remedy": "Ask for another."}
    house = house_of([request("failed", failure)], [run("errored")], [log(after=0, is_complete=True)])
    with pytest.raises(ExpectationError) as caught:
        request_follow(house.stage, ASKED)
    assert "expected  completed" in caught.value.detail
    assert "came      failed: The server is full. Ask for another." in caught.value.detail


def test_a_request_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_BOUND_SECONDS", 0)
    house = house_of([request("fulfilling")], [run("pending")], [log(after=0)])
    with pytest.raises(ExpectationError, match="came      still under way"):
        request_follow(house.stage, ASKED)


def beside(name: str, number: int) -> dict[str, Any]:
    return {"id": f"req_{number}", "operation": "provision", "resource": {"name": name}}


JOBS, PAGES = beside("jobs", 1), beside("pages", 2)


def test_requests_side_by_side_are_told_as_they_end_and_given_as_they_were_asked() -> None:
    house = House(
        {
            "GET /api/v1/requests/req_1": [request("fulfilling", of=JOBS), request("completed", of=JOBS)],
            "GET /api/v1/requests/req_2": request("completed", of=PAGES),
        }
    )
    ended = requests_follow(house.stage, JOBS, PAGES)
    assert [each["resource"]["name"] for each in ended] == ["jobs", "pages"]
    assert [line.strip() for line in house.shown.splitlines()] == [
        "ok  the request to provision pages is completed",
        "2.1 s after it was asked for",
        "ok  the request to provision jobs is completed",
        "2.1 s after it was asked for",
    ]
    assert [call.url.path[-5:] for call in house.calls] == ["req_1", "req_2", "req_1"], "what has ended is left alone"


def test_one_of_several_that_fails_is_told_with_its_failure() -> None:
    failure = {"detail": "The server is full.", "remedy": "Ask for another."}
    house = House(
        {
            "GET /api/v1/requests/req_1": request("fulfilling", of=JOBS),
            "GET /api/v1/requests/req_2": request("failed", failure, of=PAGES),
        }
    )
    with pytest.raises(ExpectationError) as caught:
        requests_follow(house.stage, JOBS, PAGES)
    assert "the request to provision pages is completed" in caught.value.detail
    assert "came      failed: The server is full. Ask for another." in caught.value.detail


def test_several_of_which_one_never_ends_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_BOUND_SECONDS", 0)
    house = House(
        {
            "GET /api/v1/requests/req_1": request("fulfilling", of=JOBS),
            "GET /api/v1/requests/req_2": request("completed", of=PAGES),
        }
    )
    with pytest.raises(ExpectationError, match="came      still under way"):
        requests_follow(house.stage, JOBS, PAGES)
