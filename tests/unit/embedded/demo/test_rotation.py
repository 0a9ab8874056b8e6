"""A database whose credentials are rotated, in front of an API of a few lines and a customer who is let in or not."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from platform_api.embedded.demo.chapters.databases import database_rotate
from platform_api.embedded.demo.customers import postgres
from platform_api.embedded.demo.ordering import Ordered
from platform_api.embedded.demo.stage import ExpectationError
from tests.unit.embedded.demo.house import House, refusal

PATH = "/api/v1/resources/res_1"
FORMER, NEW = "postgresql://orders:hunter1@host/orders", "postgresql://orders:hunter2@host/orders"
DATABASE = Ordered(id="res_1", name="orders", username="orders", uri=FORMER, outputs={"database": "orders"})
REQUEST = {
    "id": "req_1",
    "operation": "rotate",
    "status": "completed",
    "failure": None,
    "resource": {"name": "orders"},
    "run": {"url": "/api/v1/runs/run_1"},
}


def house(*, number: int = 2, replaced: tuple[int, ...] = (1,), second_look: httpx.Response | None = None) -> House:
    credentials = {
        "number": number,
        "replaced": [{"number": each} for each in replaced],
        "url": f"{PATH}/credentials",
    }
    headers = {"cache-control": "no-store"}
    shown = httpx.Response(201, headers=headers, json={"username": "orders", "password": "hunter2", "uri": NEW})
    already = refusal(410, "credentials_already_revealed")
    already = httpx.Response(410, headers=already.headers, json={**already.json(), "remedy": "Rotate them."})
    return House(
        {
            f"POST {PATH}/credentials/rotate": httpx.Response(202, json=REQUEST),
            "GET /api/v1/requests/req_1": REQUEST,
            "GET /api/v1/runs/run_1": {"status": "applied", "steps": [], "progress": None},
            "GET /api/v1/runs/run_1/log": {"lines": [], "next_after": 0, "is_complete": True},
            f"GET {PATH}": {
                "id": "res_1",
                "name": "orders",
                "status": "ready",
                "outputs": {"database": "orders"},
                "credentials": credentials,
            },
            f"POST {PATH}/credentials": [shown, second_look or already],
        }
    )


@pytest.fixture
def let_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say whom the server lets in; nobody, unless told."""

    def say(*uris: str) -> None:
        denied = 'FATAL:  password authentication failed for user "orders"'
        monkeypatch.setattr(postgres, "refusal_of", lambda uri: "" if uri in uris else denied)
        monkeypatch.setattr(postgres, "notes_read", lambda _stage, uri: postgres.NOTES if uri in uris else ())

    return say


def test_a_rotated_database_is_given_with_its_new_password(let_in: Callable[..., None]) -> None:
    let_in(NEW)
    stage = house().stage
    assert database_rotate(stage, DATABASE).uri == NEW
    assert stage.refusals == ["credentials_already_revealed"]


@pytest.mark.parametrize(
    ("uris", "told", "claim"),
    [
        ((FORMER, NEW), {}, "the former password is refused"),
        ((), {}, "the new password logs in"),
        ((NEW,), {"number": 1, "replaced": ()}, "number 2 is in use, number 1 is replaced"),
        ((NEW,), {"second_look": httpx.Response(201, json={})}, "is answered with 410"),
    ],
    ids=["both log in", "none logs in", "the number is the same", "it is shown twice"],
)
def test_a_rotation_that_is_none_is_no_success(
    let_in: Callable[..., None], uris: tuple[str, ...], told: dict[str, Any], claim: str
) -> None:
    let_in(*uris)
    with pytest.raises(ExpectationError, match=claim):
        database_rotate(house(**told).stage, DATABASE)


def test_a_server_that_is_gone_refuses_no_password(
    let_in: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    let_in(NEW)
    monkeypatch.setattr(postgres, "refusal_of", lambda _uri: "connection refused")
    with pytest.raises(ExpectationError, match="the former password is refused"):
        database_rotate(house().stage, DATABASE)
