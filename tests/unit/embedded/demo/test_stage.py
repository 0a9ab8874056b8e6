import httpx
import pytest

from platform_api.embedded.demo.api import Api, ApiSilentError
from platform_api.embedded.demo.stage import ExpectationError
from tests.unit.embedded.demo.house import House, page, refusal


def test_what_is_seen_is_told_and_counted() -> None:
    house = House({})
    house.stage.see("two is two", expected=2, came=2)
    assert house.shown == "    ok  two is two\n"
    assert house.stage.display.seen_count == 1


def test_a_failed_expectation_tells_what_was_expected_what_came_and_where_the_logs_are() -> None:
    house = House({})
    with pytest.raises(ExpectationError) as caught:
        house.stage.see("two is two", expected=2, came=3)
    assert caught.value.detail.splitlines() == [
        "Not seen: two is two.",
        "  expected  2",
        "  came      3",
        "  logs      /state/logs",
    ]
    assert house.shown == ""
    assert house.stage.display.seen_count == 0


def test_a_failed_expectation_shows_no_concealed_text() -> None:
    house = House({})
    house.stage.display.conceal("hunter2")
    with pytest.raises(ExpectationError) as caught:
        house.stage.see("the address", expected="none", came="postgresql://me:hunter2@host")
    assert "hunter2" not in str(caught.value)


def test_an_answer_of_the_expected_status_is_shown_and_given() -> None:
    house = House({"GET /api/v1/offerings": {"results": []}})
    assert house.stage.ask("GET", "/api/v1/offerings", status=200).body == {"results": []}
    assert house.shown == "    GET /api/v1/offerings  ->  200\n"


def test_an_unexpected_refusal_is_told_with_its_code_and_findings() -> None:
    finding = {"pointer": "#/plan", "code": "policy_denied", "detail": "Too large."}
    house = House({"POST /api/v1/requests": refusal(422, "request_refused", finding)})
    with pytest.raises(ExpectationError) as caught:
        house.stage.ask("POST", "/api/v1/requests", {}, status=202)
    assert "came      422 request_refused: About request_refused.; #/plan: Too large." in caught.value.detail


def test_credentials_that_should_have_been_refused_are_not_shown() -> None:
    answer = httpx.Response(201, json={"username": "me", "password": "hunter2"})
    house = House({"POST /api/v1/resources/res_1/credentials": answer})
    with pytest.raises(ExpectationError) as caught:
        house.stage.ask("POST", "/api/v1/resources/res_1/credentials", status=410)
    assert "came      201 with username, password" in caught.value.detail
    assert "hunter2" not in caught.value.detail + house.shown


def test_a_list_is_read_to_its_last_page() -> None:
    following = "/api/v1/quotas?cursor=x"
    house = House({"GET /api/v1/quotas": [page({"id": 1}, {"id": 2}, following=following), page({"id": 3})]})
    assert [row["id"] for row in house.stage.api.rows("/api/v1/quotas")] == [1, 2, 3]
    assert house.calls[1].url.query == b"cursor=x"


def test_a_list_that_is_refused_is_told() -> None:
    house = House({"GET /api/v1/quotas": refusal(401, "token_invalid")})
    with pytest.raises(ApiSilentError, match="401 token_invalid: About token_invalid"):
        house.stage.quotas()


def test_quotas_that_hold_nothing_are_the_same_as_none() -> None:
    row = {"scope": "project:demo", "kind": "points", "reserved": 1, "used": 2}
    empty = {**row, "scope": "team:demo", "reserved": 0, "used": 0}
    house = House({"GET /api/v1/quotas": [page(row, empty), page()]})
    assert house.stage.quotas() == {("project:demo", "points"): 3}
    assert house.stage.points() == 0


def test_the_token_and_the_key_go_along_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    house = House({"POST /api/v1/requests": {}})
    house.stage.ask("POST", "/api/v1/requests", {"a": 1}, status=200, key="once")
    (call,) = house.calls
    assert call.headers["authorization"] == "Bearer token"
    assert call.headers["idempotency-key"] == '"once"'
    assert call.content == b'{"a":1}'


def test_an_api_that_is_gone_is_told_without_the_token() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    api = Api("http://127.0.0.1:1", "slw_secret", transport=httpx.MockTransport(gone))
    with api, pytest.raises(ApiSilentError) as caught:
        api.call("GET", "/api/v1/teams")
    assert caught.value.detail == "GET /api/v1/teams got no answer: refused."
