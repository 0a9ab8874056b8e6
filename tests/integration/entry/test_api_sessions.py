"""People call the API with the session of their log-in; programs' calls run through nothing that only browsers need."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client, override_settings
from django.urls import path
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from platform_api.audit.models import AuditEvent
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models import Project
from platform_api.tenancy.models.scopes import ALL, Scope
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.users import user_create
from tests.integration.admin.site import browser
from tests.people import TESTS, People

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demanding")]

PROJECTS = "/api/v1/projects"


class Mirror(APIView):
    """Tells who calls."""

    scopes = {"GET": Scope.AUDIT_READ, "POST": Scope.REQUESTS_WRITE}
    schema = None

    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        return Response({"name": caller.name, "by": caller.auth_method, "scopes": sorted(caller.scopes)})

    def post(self, request: Request) -> Response:
        Project.objects.update(name="changed")
        return self.get(request)


urlpatterns = [path("api/v1/mirror", Mirror.as_view())]


def slugs(answer: Any) -> set[str]:
    return {row["slug"] for row in answer.json()["results"]}


def test_a_session_reads_what_the_person_may_see_and_nothing_else(people: People) -> None:
    people.spy, people.checkout  # noqa: B018 - makes them
    assert slugs(browser(people.teammate.user).get(PROJECTS)) == {"checkout"}
    assert slugs(browser(people.stranger.user).get(PROJECTS)) == {"spy"}
    assert slugs(browser(people.auditor.user).get(PROJECTS)) == {"checkout", "spy"}


def test_a_strangers_project_answers_a_session_like_a_missing_one(people: People) -> None:
    people.checkout  # noqa: B018 - makes it
    client = browser(people.stranger.user)
    answers = [client.get(f"{PROJECTS}/{name}").json() for name in ("checkout", "checkouu")]
    for answer in answers:
        answer.pop("instance"), answer.pop("correlation_id")
    assert answers[0] == answers[1]
    assert answers[0]["status"] == 404


@override_settings(ROOT_URLCONF=__name__)
def test_a_session_is_for_every_use_and_the_history_says_that_it_was_one(people: People) -> None:
    told = browser(people.owner.user).get("/api/v1/mirror").json()
    assert told == {"name": "owner", "by": "session", "scopes": sorted(ALL)}


@override_settings(ROOT_URLCONF=__name__)
def test_a_change_by_session_needs_proof_that_our_own_page_made_it(people: People) -> None:
    people.checkout  # noqa: B018 - makes it
    client = Client(enforce_csrf_checks=True)
    client.cookies = browser(people.owner.user).cookies
    assert client.get("/api/v1/mirror").status_code == 200
    refused = client.post("/api/v1/mirror", {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    assert not Project.objects.filter(name="changed").exists()
    assert AuditEvent.objects.get(action="call.refused").code == "csrf_failed"
    client.cookies["csrftoken"] = "a" * 32
    proven = client.post("/api/v1/mirror", {}, content_type="application/json", headers={"X-CSRFToken": "a" * 32})
    assert proven.status_code == 200
    elsewhere = {"X-CSRFToken": "a" * 32, "Origin": "https://evil.example.com"}
    assert client.post("/api/v1/mirror", {}, content_type="application/json", headers=elsewhere).status_code == 403


def test_the_docs_page_gives_whoever_is_in_what_a_change_needs(people: People) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = browser(people.owner.user).cookies
    assert "You are owner" in client.get("/docs/").content.decode()
    script = client.get("/docs/?script=")
    assert "no-store" in script.headers["Cache-Control"]
    assert client.cookies["csrftoken"]["httponly"]
    (token,) = re.findall(r'request.headers\["X-CSRFTOKEN"\] = "(\w+)"', script.content.decode())
    codes = [
        client.post("/api/v1/requests", {}, content_type="application/json", headers=headers).json()["code"]
        for headers in ({}, {"X-CSRFToken": token})
    ]
    assert codes[0] == "csrf_failed"
    assert codes[1] != "csrf_failed"
    assert "Log in" in Client().get("/docs/").content.decode()


def test_a_session_without_a_second_factor_calls_nothing(people: People, settings: LazySettings) -> None:
    client = Client()
    client.force_login(people.owner.user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(PROJECTS)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    settings.SECOND_FACTOR_REQUIRED = False
    assert client.get(PROJECTS).status_code == 200


def test_neither_services_nor_whoever_was_sent_away_call_with_a_session(people: People) -> None:
    service = user_create(username="builds", kind=UserKind.SERVICE, caller=TESTS)
    assert browser(service).get(PROJECTS).status_code == 401
    client = browser(people.owner.user)
    people.owner.user.is_active = False
    people.owner.user.save()
    assert client.get(PROJECTS).status_code == 401


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic YTpi", ""])
def test_a_session_is_no_way_out_for_a_bad_token(people: People, header: str) -> None:
    answer = browser(people.owner.user).get(PROJECTS, headers={"Authorization": header})
    assert answer.status_code == 401


def test_a_token_counts_and_the_session_beside_it_is_not_read(
    people: People, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    people.spy  # noqa: B018 - makes it
    plain, beside = people.stranger.client, people.stranger.client
    beside.cookies = browser(people.auditor.user).cookies
    assert slugs(plain.get(PROJECTS)) == {"spy"}  # its first use is written down
    with django_assert_num_queries(2) as alone:
        plain.get(PROJECTS)
    with django_assert_num_queries(2) as together:
        answer = beside.get(PROJECTS)
    assert slugs(answer) == {"spy"}
    assert not any("django_session" in query["sql"] for query in [*alone, *together])
    assert not answer.cookies
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_call_with_a_token_runs_no_middleware_of_browsers(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []
    for middleware in (SessionMiddleware, CsrfViewMiddleware, MessageMiddleware):
        for name in ("process_request", "process_response", "process_view"):
            if (original := getattr(middleware, name, None)) is not None:

                def counted(*args: Any, _original: Any = original, _who: str = middleware.__name__) -> Any:
                    run.append(_who)
                    return _original(*args)

                monkeypatch.setattr(middleware, name, counted)
    assert people.owner.client.get(PROJECTS).status_code == 200
    assert not run
    assert browser(people.owner.user).get(PROJECTS).status_code == 200
    assert set(run) == {"SessionMiddleware", "CsrfViewMiddleware", "MessageMiddleware"}
