"""A stage in front of an API of a few lines."""

import io
from collections.abc import Callable
from typing import Any

import httpx

from platform_api.embedded.demo.api import Api
from platform_api.embedded.demo.display import Display
from platform_api.embedded.demo.stage import Stage

PROBLEM = {"content-type": "application/problem+json"}

Handler = Callable[[httpx.Request], httpx.Response]


def refusal(status: int, code: str, *findings: dict[str, Any]) -> httpx.Response:
    body = {"code": code, "detail": f"About {code}.", "errors": list(findings)}
    return httpx.Response(status, headers=PROBLEM, json=body)


def page(*rows: dict[str, Any], following: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"results": rows, "next": following, "previous": None})


class House:
    """Answers calls by method and path, and keeps what was shown."""

    def __init__(self, answers: dict[str, Any] | Handler, *, fleet_valkey_url: str = "redis://127.0.0.1:1/0") -> None:
        self.calls: list[httpx.Request] = []
        self.stream = io.StringIO()
        self._answers = answers
        self.stage = Stage(
            api=Api("http://127.0.0.1:1", "token", transport=httpx.MockTransport(self._answer)),
            display=Display(self.stream, {}),
            logs="/state/logs",
            username="demo",
            suffix="0a1b2c",
            fleet_valkey_url=fleet_valkey_url,
        )

    @property
    def shown(self) -> str:
        return self.stream.getvalue()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        if not isinstance(self._answers, dict):
            return self._answers(request)
        answer = self._answers[f"{request.method} {request.url.path}"]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)
