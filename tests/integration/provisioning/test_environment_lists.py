"""Environments are listed and shown with all that is in them, by a number of queries that does not grow with it."""

from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries

from governance.models import Quota
from tests.integration.provisioning import trio
from tests.integration.provisioning.house import House, body_of
from tests.integration.provisioning.trio import delete, fail, make, ordered, part, put

LIST = "/api/v1/projects/checkout/environments"
QUERIES = 6
"""The token; project, environments, resources, needs, newest requests. One by id spares the project."""


@pytest.fixture
def house(borrowed_house: House, tmp_path: Path) -> House:
    """The house, with a composed offering in its catalog, and a quota for many of it."""
    trio.publish(tmp_path)
    Quota.objects.update(limit=500)
    return borrowed_house


def names(house: House, query: str = "") -> list[str]:
    answer = house.owner.client.get(f"{LIST}{query}")
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in body_of(answer)["results"]]


@pytest.mark.parametrize("count", [3, 10])
def test_a_list_costs_as_many_queries_however_many_there_are(
    house: House, django_assert_max_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for number in range(count):
        put(house, f"{LIST}/pr-{number}")
    with django_assert_max_num_queries(QUERIES):
        assert len(names(house)) == count + 3


def test_one_costs_as_many_queries_however_much_has_become_of_it(
    house: House, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    environment = ordered(house)
    make(house, environment, "db")
    for number in range(5):
        house.ordered(environment="pr-142", name=f"more-{number}")
    fail(part(house, environment, "reports"))
    with django_assert_max_num_queries(QUERIES):
        house.owner.client.get(f"/api/v1/environments/{environment}")


def test_it_is_filtered_and_closed_ones_stand_apart(house: House) -> None:
    put(house)
    put(house, f"{LIST}/gone", offering=None)
    delete(house, f"{LIST}/gone", confirm="gone")
    assert names(house) == ["pr-142", "default", "live", "staging"]
    assert names(house, "?closed=true") == ["gone"]
    assert names(house, "?tier=production") == ["live"]
    assert names(house, "?name=pr-142") == ["pr-142"]


def test_pages_follow_each_other(house: House) -> None:
    for number in range(5):
        put(house, f"{LIST}/pr-{number}")
    first = body_of(house.owner.client.get(f"{LIST}?limit=4"))
    second = body_of(house.owner.client.get(first["next"]))
    assert len(first["results"]) == 4
    assert {row["name"] for row in first["results"] + second["results"]} == {
        *(f"pr-{number}" for number in range(5)), "default", "live", "staging",
    }  # fmt: skip


def test_of_other_teams_none_is_listed(house: House) -> None:
    put(house)
    assert house.people.stranger.client.get(LIST).status_code == 404
    assert house.people.auditor.client.get(LIST).status_code == 200


def test_a_list_shows_what_the_single_one_shows(house: House) -> None:
    environment = ordered(house)
    make(house, environment, "db")
    (row,) = body_of(house.owner.client.get(f"{LIST}?name=pr-142"))["results"]
    assert row == trio.look(house, environment)
