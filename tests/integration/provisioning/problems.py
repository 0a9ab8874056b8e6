"""What every refusal has to be: a problem document that teaches, and that left nothing behind."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from tests.integration.provisioning.house import body_of, contents

MEMBERS = {"type", "title", "status", "code", "detail", "instance", "correlation_id", "errors"}


def refused(call: Callable[[], HttpResponse], status: int, code: str) -> list[tuple[str, str]]:
    """Make a call that must be refused, and return pointers and codes of what it is told."""
    before = contents()
    answer = call()
    body: dict[str, Any] = body_of(answer)
    assert (answer.status_code, body["code"]) == (status, code), body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(body) >= MEMBERS
    assert body["type"] == f"/docs/problems/{code}"
    assert body["detail"]
    for found in body["errors"]:
        assert found["pointer"].startswith("#")
        assert found["code"]
        assert found["detail"]
        assert found["remedy"]
    if status == 422:
        assert body["errors"] or body["remedy"]
    assert contents() == before
    return [(found["pointer"], found["code"]) for found in body["errors"]]


def without_id(answer: HttpResponse) -> dict[str, Any]:
    """Return a problem document without what differs from call to call."""
    body = body_of(answer)
    return {name: value for name, value in body.items() if name not in {"correlation_id", "instance"}}
