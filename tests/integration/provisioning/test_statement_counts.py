"""How often the calls that are made most go to the database once a process has seen their like.

Counted are statements; the look at a generation, twice a second in a process, is not counted. The bounds are those of
docs/benchmarks.md.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from platform_api.core import clock
from platform_api.core.ids import Prefix, show
from provisioning.models import Environment, Resource
from provisioning.states import Desired
from tests.integration.provisioning.house import House, body_of
from tests.keeping import warm

ADDRESSES = {Prefix.RESOURCE: "resources", Prefix.PROVISIONING_REQUEST: "requests", Prefix.RUN: "runs"}


@pytest.fixture(autouse=True)
def _warm() -> Iterator[None]:
    with warm():
        yield


def sent(queries: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in queries if "FROM generation" not in query["sql"]]


@pytest.mark.parametrize("environment", ["staging", "default"])
def test_an_order_is_one_statement(house: House, environment: str) -> None:
    house.ordered(name="first", environment=environment)
    with CaptureQueriesContext(connection) as queries:
        answer = house.order(name="second", environment=environment, key="second")
    assert answer.status_code == 202
    (statement,) = sent(queries)
    assert "refuse_unless" in statement


def test_one_thing_is_read_in_one_statement(house: House) -> None:
    resource = Resource.objects.get(name="orders")
    request, run = resource.provisioning_requests.get(), resource.runs.get()
    things = [(Prefix.RESOURCE, resource), (Prefix.PROVISIONING_REQUEST, request), (Prefix.RUN, run)]
    for prefix, thing in things:
        address = f"/api/v1/{ADDRESSES[prefix]}/{show(prefix, thing.pk)}"
        assert house.owner.client.get(address).status_code == 200
        with CaptureQueriesContext(connection) as queries:
            assert house.owner.client.get(address).status_code == 200
        assert len(sent(queries)) == 1, address


@pytest.mark.parametrize("address", [*ADDRESSES.values(), "projects"])
def test_a_list_is_read_in_three_statements_at_most(house: House, address: str) -> None:
    for number in range(4):
        house.ordered(name=f"more-{number}")
    assert house.owner.client.get(f"/api/v1/{address}").status_code == 200
    with CaptureQueriesContext(connection) as queries:
        answer = house.owner.client.get(f"/api/v1/{address}")
    assert len(body_of(answer)["results"]) == (1 if address == "projects" else 5)
    assert len(sent(queries)) <= 3


def test_an_order_goes_by_what_its_environment_is_and_not_by_what_it_was(house: House) -> None:
    environment = house.ordered(name="first").environment
    later = clock.now() + timedelta(days=1)
    Environment.objects.filter(pk=environment.pk).update(expires_at=later)
    assert house.ordered(name="second").expires_at == later
    Environment.objects.filter(pk=environment.pk).update(desired=Desired.ABSENT)
    before = Resource.objects.count()
    refused = house.order(name="third")
    assert (refused.status_code, body_of(refused)["errors"][0]["code"]) == (422, "unknown_environment")
    assert Resource.objects.count() == before
