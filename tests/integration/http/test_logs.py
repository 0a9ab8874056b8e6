import pytest
from django.test import Client

from tests.people import People

pytestmark = pytest.mark.django_db

SECRET = "CanaryOfWhoeverPastesASecret"


def test_what_stands_in_a_refused_address_enters_no_log(people: People, caplog: pytest.LogCaptureFixture) -> None:
    for address in (f"/api/v1/projects/{SECRET}", f"/api/v1/{SECRET}", f"/{SECRET}", f"/api/v1/runs?{SECRET}=1"):
        assert people.owner.client.get(address).status_code in {400, 404}
    assert SECRET not in caplog.text


def test_what_stands_in_a_refused_host_header_enters_no_log(caplog: pytest.LogCaptureFixture) -> None:
    assert Client().get("/health/live", headers={"Host": f"postgresql://admin:{SECRET}@db"}).status_code == 400
    assert SECRET not in caplog.text
