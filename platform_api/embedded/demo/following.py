"""Follow a request to its end, and show what its run does meanwhile."""

import time
from typing import Any

from platform_api.embedded.demo.display import Style
from platform_api.embedded.demo.stage import Stage

_FINAL = frozenset({"completed", "failed", "canceled", "rejected", "expired"})
_BOUND_SECONDS = 180
_LOOK_SECONDS = 0.1


class _RunFollower:
    """Shows of a run what was not shown yet."""

    def __init__(self, stage: Stage, url: str, *, with_log: bool) -> None:
        self._stage = stage
        self._with_log = with_log
        self._url = url
        self._after = 0
        self._told: set[str] = set()
        self.is_complete = False

    def look(self) -> None:
        run = self._stage.read(self._url)
        log = self._stage.read(f"{self._url}/log?after={self._after}")
        display = self._stage.display
        self._after, self.is_complete = log["next_after"], log["is_complete"]
        for line in log["lines"] if self._with_log else ():
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


def request_follow(stage: Stage, asked: dict[str, Any], *, with_log: bool = False) -> dict[str, Any]:
    """Show a request's steps and percentage as they come, until it is completed.

    Args:
        stage: Where the demo plays.
        asked: The request as its submission was answered.
        with_log: Show the lines of the run's log, too.

    Returns:
        The request at its end.

    Raises:
        ExpectationError: It ends otherwise, or not within three minutes.
    """
    claim = f"the request to {asked['operation']} {asked['resource']['name']} is completed"
    follower = _RunFollower(stage, asked["run"]["url"], with_log=with_log)
    deadline = time.monotonic() + _BOUND_SECONDS
    while True:
        request: dict[str, Any] = stage.read(f"/api/v1/requests/{asked['id']}")
        follower.look()
        if request["status"] in _FINAL and follower.is_complete:
            break
        if time.monotonic() >= deadline:
            raise stage.failure(claim, expected=f"within {_BOUND_SECONDS} s", came=f"still {request['status']}")
        time.sleep(_LOOK_SECONDS)
    failure = request["failure"]
    came = request["status"] if failure is None else f"{request['status']}: {failure['detail']} {failure['remedy']}"
    stage.see(claim, expected="completed", came=came)
    return request
