"""Every refusal is a problem document, from the router's 404 to a 500."""

import logging
from collections.abc import Iterator

import pytest
from django.test import Client, override_settings
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from platform_api.audit.models import AuditEvent
from platform_api.core.http import health
from platform_api.tenancy.models.scopes import Scope
from tests.people import People

SECRET = "hunter2-in-an-exception"


class Echo(APIView):
    scopes = {"POST": Scope.REQUESTS_WRITE, "GET": Scope.REQUESTS_READ}
    schema = None

    def post(self, request: Request) -> Response:
        return Response({"got": request.data})

    def get(self, request: Request) -> Response:
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
handler404 = "platform_api.core.http.handlers.not_found"
handler500 = "platform_api.core.http.handlers.server_error"


@pytest.fixture(autouse=True)
def _urls() -> Iterator[None]:
    with override_settings(ROOT_URLCONF=__name__):
        yield


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
        ("POST", "application/json", b"{", 400, "malformed_json"),
        ("POST", "application/json", b'{"a":1,"a":2}', 400, "duplicate_key"),
        ("POST", "application/json", b'"' + b"x" * 262_144 + b'"', 413, "body_too_large"),
    ],
)
def test_what_cannot_be_read_is_a_problem_and_recorded(
    people: People, method: str, content_type: str, body: bytes, *, status: int, code: str
) -> None:
    answer = people.owner.client.generic(method, "/echo", body.decode(), content_type=content_type)
    assert is_problem(answer, status, code)
    recorded = AuditEvent.objects.get(action="call.refused")
    assert (recorded.code, recorded.actor_name) == (code, "owner")


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
