"""Old parts of the API say so in every answer; today there are none, so a view of these tests is one."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core.http.deprecation import Deprecation
from platform_api.tenancy.models.scopes import Scope
from tests.people import People

GUIDE = "/docs/guides/moving-to-v2"


class Old(APIView):
    scopes = {"GET": Scope.REQUESTS_READ}
    schema = None
    deprecation = Deprecation(
        at=datetime(2026, 3, 1, tzinfo=UTC), guide=GUIDE, sunset_at=datetime(2027, 3, 1, 12, tzinfo=UTC)
    )

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse("[]", headers={"Link": '</old?cursor=x>; rel="next"'})


class Older(Old):
    deprecation = Deprecation(at=datetime(2025, 1, 1, tzinfo=UTC), guide=GUIDE)


class New(Old):
    deprecation = None  # type: ignore[assignment]  # a test's way to inherit the rest


urlpatterns = [path("old", Old.as_view()), path("older", Older.as_view()), path("new", New.as_view())]
handler404 = "platform_api.core.http.handlers.not_found"


@pytest.fixture(autouse=True)
def _urls() -> Iterator[None]:
    with override_settings(ROOT_URLCONF=__name__):
        yield


def test_an_old_route_tells_since_when_until_when_and_where_to_read_on(people: People) -> None:
    answer = people.owner.client.get("/old")
    assert answer.headers["Deprecation"] == "@1772323200"
    assert answer.headers["Sunset"] == "Mon, 01 Mar 2027 12:00:00 GMT"
    assert answer.headers["Link"] == (
        f'</old?cursor=x>; rel="next", <{GUIDE}>; rel="deprecation", <{GUIDE}>; rel="sunset"'
    )


def test_its_refusals_tell_it_too(people: People) -> None:
    for answer in (people.owner.client.post("/old"), people.owner.client.get("/old", headers={"Accept": "text/html"})):
        assert answer.status_code in {405, 406}
        assert answer.headers["Deprecation"] == "@1772323200"


def test_where_no_end_is_known_none_is_told(people: People) -> None:
    answer = people.owner.client.get("/older")
    assert answer.headers["Deprecation"] == "@1735689600"
    assert "Sunset" not in answer.headers
    assert 'rel="sunset"' not in answer.headers["Link"]


@pytest.mark.parametrize("address", ["/new", "/nowhere"])
def test_what_is_not_old_says_nothing(people: People, address: str) -> None:
    answer = people.owner.client.get(address)
    assert "Deprecation" not in answer.headers
    assert "Sunset" not in answer.headers
