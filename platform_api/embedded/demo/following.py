"""Follow requests to their ends: one in all detail, or several side by side."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from platform_api.embedded.demo.display import Style
from platform_api.embedded.demo.stage import Stage

T = TypeVar("T")

_FINAL = frozenset({"completed", "failed", "canceled", "rejected", "expired"})
_BOUND_SECONDS = 180
_LOOK_SECONDS = 0.1


class _RunFollower:
    """Shows of a run what was not shown yet."""

    def __init__(self, stage: Stage, url: str) -> None:
        self._stage = stage
        self._url = url
        self._after = 0
        self._told: set[str] = set()
        self.is_complete = False

    def look(self) -> None:
        run = self._stage.read(self._url)
        log = self._stage.read(f"{self._url}/log?after={self._after}")
        display = self._stage.display
        self._after, self.is_complete = log["next_after"], log["is_complete"]
        for line in log["lines"]:
            display.say(f"{line['at'][11:23]}  {line['source']:9}  {line['line']}", Style.FAINT)
        for step in run["steps"]:
            if step["status"] != "running":
                self._tell_once(f"step {step['name']} {step['status']} in {step['seconds']:.2f} s")
        percent = f" {run['progress']['percent']} %" if run["progress"] else ""
        if percent:
            self._tell_once(f"run {run['status']}{percent}")
        display.beat(f"run {run['status']}{percent}")

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._stage.display.say(text)


def request_follow(stage: Stage, asked: dict[str, Any]) -> dict[str, Any]:
    """Show the log, the steps and the percentage of a request's run as they come, until it is completed.

    Args:
        stage: Where the demo plays.
        asked: The request as its submission was answered.

    Returns:
        The request at its end.

    Raises:
        ExpectationError: It ends otherwise, or not within three minutes.
    """
    follower = _RunFollower(stage, asked["run"]["url"])

    def look() -> dict[str, Any] | None:
        request: dict[str, Any] = stage.read(f"/api/v1/requests/{asked['id']}")
        follower.look()
        return request if request["status"] in _FINAL and follower.is_complete else None

    request = seen_at_last(stage, _claim(asked), look)
    _require_completed(stage, request)
    return request


def requests_follow(stage: Stage, *asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Wait for requests that are carried out side by side, and tell of each how long it took.

    Args:
        stage: Where the demo plays.
        *asked: The requests as their submissions were answered.

    Returns:
        The requests at their ends, in their order.

    Raises:
        ExpectationError: One ends otherwise than completed, or they do not end within three minutes.
    """
    ended: dict[str, dict[str, Any]] = {}

    def look() -> list[dict[str, Any]] | None:
        for request_id in (each["id"] for each in asked if each["id"] not in ended):
            request = stage.read(f"/api/v1/requests/{request_id}")
            if request["status"] in _FINAL:
                _require_completed(stage, request)
                stage.display.say(f"{_seconds(request):.1f} s after it was asked for", Style.FAINT)
                ended[request_id] = request
        stage.display.beat(f"{len(asked) - len(ended)} under way")
        return [ended[each["id"]] for each in asked] if len(ended) == len(asked) else None

    return seen_at_last(stage, "; ".join(map(_claim, asked)), look)


def seen_at_last(stage: Stage, claim: str, look: Callable[[], T | None]) -> T:
    """Look again and again until there is something to see; returns what was seen.

    Raises:
        ExpectationError: There is nothing within three minutes.
    """
    deadline = time.monotonic() + _BOUND_SECONDS
    while (seen := look()) is None:
        if time.monotonic() >= deadline:
            raise stage.failure(claim, expected=f"within {_BOUND_SECONDS} s", came="still under way")
        time.sleep(_LOOK_SECONDS)
    return seen


def _claim(request: dict[str, Any]) -> str:
    return f"the request to {request['operation']} {request['resource']['name']} is completed"


def _require_completed(stage: Stage, request: dict[str, Any]) -> None:
    failure = request["failure"]
    came = request["status"] if failure is None else f"{request['status']}: {failure['detail']} {failure['remedy']}"
    stage.see(_claim(request), expected="completed", came=came)


def _seconds(request: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(request[name]) for name in ("created_at", "completed_at"))
    return (ended - began).total_seconds()
