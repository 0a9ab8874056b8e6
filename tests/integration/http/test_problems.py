"""Every refusal is a problem document, from the router's 404 to a 500."""

import gzip
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from platform_api.audit.models import AuditEvent
from platform_api.core.http import health
from platform_api.tenancy.models.scopes import Scope
from tests.people import People, Person

SECRET = "hunter2-in-an-exception"


class Echo(APIView):
    scopes = {"POST": Scope.REQUESTS_WRITE, "GET": Scope.REQUESTS_READ}
    schema = None

    def post(self, request: Request) -> Response:
        return Response({"got": request.data})

    def get(self, request: Request) -> Response:
        if "busy" in request.query_params:
            raise Throttled(wait=7)
        if "silent" in request.query_params:
            raise OperationalError("the server closed the connection: hunter2")
        raise RuntimeError(SECRET)


class Unscoped(APIView):
    schema = None

    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [
    path("echo", Echo.as_view()),
    path("unscoped", Unscoped.as_view()),
    path("health/live", health.live),
]
handler400 = "platform_api.core.http.handlers.bad_request"
handler404 = "platform_api.core.http.handlers.not_found"
handler500 = "platform_api.core.http.handlers.server_error"


@pytest.fixture(autouse=True)
def _urls() -> Iterator[None]:
    with override_settings(ROOT_URLCONF=__name__):
        yield


def send(person: Person, method: str, body: bytes, **options: Any) -> HttpResponse:
    """Send bytes as they are."""
    client: Any = person.client  # typed as if it could only send text
    answer: HttpResponse = client.generic(method, "/echo", body, **options)
    return answer


def is_problem(answer: object, status: int, code: str) -> bool:
    body = answer.json()  # type: ignore[attr-defined]  # Django's test client types its answers loosely
    assert answer.headers["Content-Type"] == "application/problem+json"  # type: ignore[attr-defined]  # as above
    assert set(body) >= {"type", "title", "status", "code", "detail", "instance", "correlation_id", "errors"}
    assert body["type"] == f"/docs/problems/{body['code']}"
    assert body["correlation_id"] == answer.headers["Correlation-Id"]  # type: ignore[attr-defined]  # as above
    return (answer.status_code, body["status"], body["code"]) == (status, status, code)  # type: ignore[attr-defined]  # as above


@pytest.mark.django_db
def test_an_address_that_no_route_has_is_a_problem() -> None:
    assert is_problem(Client().get("/nowhere"), 404, "not_found")


@pytest.mark.django_db
def test_a_call_without_a_token_is_told_how_to_bring_one() -> None:
    answer = Client().get("/echo")
    assert is_problem(answer, 401, "token_missing")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Basic YTpi", "Bearer a b", "Bearer \xff", "slw_pat_x"])
def test_a_bad_token_is_refused_and_recorded(header: str) -> None:
    answer = Client().get("/echo", headers={"Authorization": header})
    assert is_problem(answer, 401, "token_invalid")
    event = AuditEvent.objects.get()
    assert (event.action, event.outcome, event.code) == ("call.refused", "refused", "token_invalid")
    assert (event.actor_kind, event.ip, event.object_name) == ("anonymous", "127.0.0.1", "GET /echo")
    assert event.correlation_id == answer.headers["Correlation-Id"]


@pytest.mark.parametrize(
    ("method", "content_type", "body", "status", "code"),
    [
        ("PUT", "application/json", b"{}", 405, "method_not_allowed"),
        ("POST", "text/plain", b"{}", 415, "unsupported_media_type"),
        ("POST", "application/x-www-form-urlencoded", b"a=1", 415, "unsupported_media_type"),
        ("POST", "multipart/form-data; boundary=x", b"--x--", 415, "unsupported_media_type"),
        ("POST", "application/json; charset=utf-16", b"{}", 415, "unsupported_media_type"),
        ("POST", "application/json; charset=latin-1", b"{}", 415, "unsupported_media_type"),
        ("POST", "application/xml, application/json", b"{}", 415, "unsupported_media_type"),
        ("POST", "", b"{}", 415, "unsupported_media_type"),
        ("POST", "application/json", b"{", 400, "malformed_json"),
        ("POST", "application/json", b"{} {}", 400, "malformed_json"),
        ("POST", "application/json", b"\xef\xbb\xbf{}", 400, "malformed_json"),
        ("POST", "application/json", '{"a": 1}'.encode("utf-16"), 400, "malformed_json"),
        ("POST", "application/json", b'{"a": 1e400}', 400, "malformed_json"),
        ("POST", "application/json", b'{"a": ' + b"9" * 31 + b"}", 400, "malformed_json"),
        ("POST", "application/json", b'{"a":1,"a":2}', 400, "duplicate_key"),
        ("POST", "application/json", b'"' + b"x" * 262_144 + b'"', 413, "body_too_large"),
    ],
)
def test_what_cannot_be_read_is_a_problem_and_recorded(
    people: People, method: str, content_type: str, body: bytes, *, status: int, code: str
) -> None:
    answer = send(people.owner, method, body, content_type=content_type)
    assert is_problem(answer, status, code)
    recorded = AuditEvent.objects.get(action="call.refused")
    assert (recorded.code, recorded.actor_name) == (code, "owner")


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_body_is_refused_as_such(people: People, coding: str) -> None:
    body = gzip.compress(b"{}")
    headers = {"Content-Encoding": coding}
    answer = send(people.owner, "POST", body, content_type="application/json", headers=headers)
    assert is_problem(answer, 415, "unsupported_media_type")
    assert b"compressed" in answer.content


@pytest.mark.parametrize("content_type", ["application/json", 'application/json; charset="UTF-8"'])
def test_a_body_that_says_what_it_is_is_read(people: People, content_type: str) -> None:
    headers = {"Content-Encoding": "identity"}
    body = b'{"a": -0, "b": -0.0, "c": ' + b"9" * 30 + b"}"
    answer = send(people.owner, "POST", body, content_type=content_type, headers=headers)
    assert answer.status_code == 200
    assert answer.content == b'{"got":{"a":0,"b":0.0,"c":' + b"9" * 30 + b"}}"


def test_a_body_in_chunks_is_refused_and_not_taken_for_none(people: People) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    answer = send(people.owner, "POST", b"", content_type="application/json", headers=headers)
    assert is_problem(answer, 411, "length_required")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/echo/" + "a" * 8000, "/echo?a=" + "b" * 8000])
def test_an_address_beyond_all_measure_is_refused(address: str) -> None:
    answer = Client().get(address)
    assert is_problem(answer, 414, "address_too_long")


@pytest.mark.parametrize("address", ["/../echo", "/echo/../echo", "/echo%2f..", "/echo%2Fx", "//echo", "/echo/"])
def test_an_address_means_what_it_says_and_is_not_put_right(people: People, address: str) -> None:
    assert is_problem(people.owner.client.get(address), 404, "not_found")


def test_more_parameters_than_can_be_meant_are_refused(people: People) -> None:
    answer = people.owner.client.get("/echo?" + "&".join(f"{number}" for number in range(1001)))
    assert is_problem(answer, 400, "bad_request")


@pytest.mark.django_db
def test_a_call_for_another_host_is_refused() -> None:
    answer = Client().get("/echo", headers={"Host": "elsewhere.example"})
    assert is_problem(answer, 400, "bad_request")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_a_method_that_is_not_taken_is_told_which_are(people: People, method: str) -> None:
    answer = people.owner.client.generic(method, "/echo")
    assert is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_options_names_the_methods_and_says_no_more(people: People) -> None:
    answer = people.owner.client.options("/echo")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert is_problem(Client().options("/echo"), 401, "token_missing")


def test_too_many_calls_are_told_when_to_come_back(people: People) -> None:
    answer = people.owner.client.get("/echo?busy=1")
    assert is_problem(answer, 429, "rate_limited")
    assert answer.headers["Retry-After"] == "7"


def test_a_silent_database_is_not_the_callers_fault(people: People) -> None:
    answer = people.owner.client.get("/echo?silent=1")
    assert is_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert "hunter2" not in answer.content.decode()


def test_an_answer_in_another_form_than_json_is_not_to_be_had(people: People) -> None:
    answer = people.owner.client.generic("GET", "/echo", headers={"Accept": "text/html"})
    assert is_problem(answer, 406, "not_acceptable")


def test_a_body_of_the_largest_size_is_read(people: People) -> None:
    body = b'"' + b"x" * (256 * 1024 - 2) + b'"'
    answer = people.owner.client.generic("POST", "/echo", body.decode(), content_type="application/json")
    assert answer.status_code == 200


def test_a_fault_of_ours_says_nothing_but_where_to_ask(people: People, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = people.owner.client.get("/echo")
    assert is_problem(answer, 500, "internal_error")
    assert SECRET not in answer.content.decode()
    assert any(record.exc_info for record in caplog.records)


def test_a_view_that_names_no_scope_lets_nobody_in(people: People) -> None:
    assert is_problem(people.admin.client.get("/unscoped"), 403, "scope_missing")


@pytest.mark.django_db
@pytest.mark.parametrize(("brought", "is_kept"), [("order-4711-x", True), ("short", False), ("a b\nc d e f", False)])
def test_a_sound_correlation_id_of_the_caller_is_kept(brought: str, *, is_kept: bool) -> None:
    answer = Client().get("/health/live", headers={"Correlation-Id": brought})
    assert answer.status_code == 200
    assert (answer.headers["Correlation-Id"] == brought) is is_kept


@pytest.mark.django_db
def test_every_answer_carries_a_content_security_policy() -> None:
    assert "frame-ancestors 'none'" in Client().get("/nowhere").headers["Content-Security-Policy"]
