"""Versions whose time is over are told of wherever they are ordered, shown or in use."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils.http import http_date

from catalog.models import OfferingVersion
from catalog.services.retirement import version_deprecate, version_retire
from platform_api.core import clock
from tests.integration.provisioning.house import House, body_of, carry_out, resource_of
from tests.people import TESTS

SUNSET = datetime(2027, 3, 1, 12, tzinfo=UTC)
GUIDE = "/api/v1/offerings/postgres-database"


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


def version() -> OfferingVersion:
    return OfferingVersion.objects.get(offering__slug="postgres-database")


def told(answer: HttpResponse) -> tuple[Any, ...]:
    """Return what an answer says of its version."""
    return tuple(answer.headers.get(name) for name in ("Deprecation", "Sunset", "Link"))


def answers(house: House) -> list[HttpResponse]:
    """Look at everything that is of the version, and change it."""
    client, resource = house.owner.client, f"/api/v1/resources/{house.orders}"
    patched = client.patch(resource, {"parameters": {"connection_limit": 3}}, format="json", headers={"If-Match": "*"})
    assert patched.status_code == 202
    request = patched.headers["Location"]
    carry_out(resource_of(house.orders))
    return [client.get(GUIDE), patched, client.get(request), client.get(resource)]


def test_a_published_version_says_nothing(house: House) -> None:
    for answer in [*answers(house), house.order()]:
        assert told(answer) == (None, None, None)


def test_a_deprecated_version_says_since_when_and_until_when(house: House) -> None:
    before = clock.now()
    version_deprecate(version=version(), caller=TESTS, sunset_at=SUNSET)
    since = version().deprecated_at
    assert since is not None
    assert before - timedelta(seconds=60) < since < clock.now() + timedelta(seconds=60)
    expected = (
        f"@{int(since.timestamp())}",
        http_date(SUNSET.timestamp()),
        f'<{GUIDE}>; rel="deprecation", <{GUIDE}>; rel="sunset"',
    )
    for answer in [*answers(house), house.order(version="1.0.0")]:
        assert told(answer) == expected
    assert body_of(house.order(name="again", version="1.0.0"))["offering"]["version"] == "1.0.0"


def test_a_retired_version_that_is_in_use_says_so(house: House) -> None:
    version_retire(version=version(), caller=TESTS)
    since = version().deprecated_at
    assert since is not None
    client = house.owner.client
    rotated = house.post(f"resources/{house.orders}/credentials/rotate")
    for answer in (client.get(f"/api/v1/resources/{house.orders}"), client.get(GUIDE), rotated):
        assert told(answer) == (f"@{int(since.timestamp())}", None, f'<{GUIDE}>; rel="deprecation"')


def test_retiring_what_is_deprecated_does_not_move_the_date(house: House) -> None:
    version_deprecate(version=version(), caller=TESTS)
    since = version().deprecated_at
    version_retire(version=version(), caller=TESTS)
    assert version().deprecated_at == since is not None
