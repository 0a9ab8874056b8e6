"""Lists: what they can be filtered and sorted by, and pages that stay in order while rows come and go."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from platform_api.core.ids import Prefix, show
from platform_api.tenancy.services.teams import project_create
from provisioning.models import Environment, Resource
from tests.integration.provisioning.house import House, body_of, resource_of, shown
from tests.integration.provisioning.problems import refused

LISTS = ("requests", "resources", "runs", "projects/checkout/environments", "audit-events", "projects", "offerings")


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


def rows(house: House, address: str) -> list[dict[str, Any]]:
    answer = house.people.lead.client.get(f"/api/v1/{address}")
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = body_of(answer)["results"]
    return found


def walk(house: House, address: str, *, meanwhile: Any = lambda: None) -> list[str]:
    """Return the names in a list, page by page; ``meanwhile`` happens before each page but the first."""
    names: list[str] = []
    url: str | None = f"/api/v1/{address}"
    while url is not None:
        answer = house.owner.client.get(url)
        page = body_of(answer)
        assert ('rel="next"' in answer.headers.get("Link", "")) == (page["next"] is not None)
        names += [row["name"] for row in page["results"]]
        url = page["next"]
        meanwhile()
    return names


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("requests?status=done", "fulfilling, pending_approval"),
        ("requests?operation=PROVISION", "provision, update"),
        ("resources?status=", "pending, ready"),
        ("resources?kind=postgres", "database, queue"),
        ("runs?status=ready", "pending, planning"),
        ("projects/checkout/environments?tier=prod", "development, staging, production"),
        ("projects/checkout/environments?closed=1", "true, false"),
        ("audit-events?outcome=ok", "succeeded, refused, failed"),
        ("requests?sort=name", "created_at, -created_at"),
        ("resources?sort=status", "name, -name"),
        ("resources?name=Orders!", "2 to 40"),
        ("requests?project=prj_x", "a slug or an id"),
        ("requests?resource=orders", "an id as the API shows it: res_"),
        ("requests?created_after=yesterday", "RFC 3339"),
        ("requests?created_after=2026-11-21T08:00:00", "RFC 3339"),
        ("requests?created_after=2026-11-21T08:00:00+01:00", "%2B"),
        ("requests?created_after=2026-02-30T08:00:00Z", "RFC 3339"),
        ("audit-events?at_before=0001-01-01T00:00:00Z", "RFC 3339"),
        ("requests?status=completed&status=failed", "each once"),
        ("requests?limit=1&limit=2", "each once"),
        ("requests?stauts=failed", "status"),
        ("requests?wait=1", "Use only"),
    ],
)
def test_a_bad_filter_is_refused_with_what_can_be_asked_for(standing_house: House, query: str, told: str) -> None:
    refused(lambda: standing_house.people.lead.client.get(f"/api/v1/{query}"), 400, "invalid_filter")
    answer = standing_house.people.lead.client.get(f"/api/v1/{query}")
    assert told in body_of(answer)["remedy"]


def test_requests_and_runs_of_one_resource_are_found(house: House) -> None:
    other = house.ordered(name="other")
    for noun in ("requests", "runs"):
        found = rows(house, f"{noun}?resource={shown(other)}")
        assert len(found) == 1
        assert shown(other) in str(found[0]["resource"])


def test_a_project_and_an_environment_are_named_by_slug_or_id(house: House) -> None:
    project = show(Prefix.PROJECT, house.people.checkout.pk)
    environment = show(Prefix.ENVIRONMENT, Environment.objects.get(name="staging").pk)
    for query in ("project=checkout", f"project={project}", "environment=staging", f"environment={environment}"):
        assert [row["name"] for row in rows(house, f"resources?{query}")] == ["orders"]
    assert rows(house, "resources?project=nowhere") == []


def test_rows_are_found_by_the_time_that_they_show(house: House) -> None:
    middle = house.ordered(name="middle").created_at
    house.ordered(name="last")
    at, later = (quote(moment.isoformat()) for moment in (middle, middle + timedelta(microseconds=1)))

    def names(query: str) -> list[str]:
        return [row["name"] for row in rows(house, f"resources?sort=created_at&{query}")]

    assert names(f"created_before={at}") == ["orders"]
    assert names(f"created_after={at}") == ["middle", "last"]
    assert names(f"created_after={later}") == ["last"]
    assert names(f"created_after={at}&created_before={later}") == ["middle"]
    assert names("created_after=1970-01-01T00:00:00%2B14:00") == ["orders", "middle", "last"]
    assert names("created_before=2999-12-31T23:59:59Z") == ["orders", "middle", "last"]


@pytest.mark.parametrize("sort", ["name", "-name", "created_at", "-created_at"])
def test_pages_stay_in_order_while_rows_are_added_before_and_behind(house: House, sort: str) -> None:
    for name in ("delta", "bravo", "echo", "charlie", "alfa"):
        house.ordered(name=name)
    late = iter(["aaa", "zzz", "bbb", "yyy"])

    def add() -> None:
        name = next(late, None)
        if name is not None:
            house.ordered(name=name)

    seen = walk(house, f"resources?limit=2&sort={sort}", meanwhile=add)
    old = [name for name in seen if name in {"orders", "alfa", "bravo", "charlie", "delta", "echo"}]
    made = ["orders", "delta", "bravo", "echo", "charlie", "alfa"]
    expected = sorted(made) if "name" in sort else made
    assert old == (expected[::-1] if sort.startswith("-") else expected)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("sort", ["name", "-name", "created_at"])
def test_a_page_leads_back_to_the_one_before_it(house: House, sort: str) -> None:
    for number in range(5):
        house.ordered(name=f"more-{number}")
    client = house.owner.client
    first = body_of(client.get(f"/api/v1/resources?limit=2&sort={sort}"))
    second = body_of(client.get(first["next"]))
    back = body_of(client.get(second["previous"]))
    assert back["results"] == first["results"]
    assert (first["previous"], back["previous"]) == (None, None)


@pytest.mark.parametrize("sort", ["name", "-name", "created_at", "-created_at"])
@pytest.mark.parametrize("who", ["lead", "auditor"])
def test_what_lies_in_several_projects_is_one_list(house: House, sort: str, who: str) -> None:
    lead, made = house.people.lead, ["orders", "spied"] if who == "auditor" else ["orders"]
    project_create(team=house.people.shop, slug="search", name="Search", caller=lead.caller)
    for project, names in [("search", "ga"), ("checkout", "f"), ("search", "b"), ("checkout", "dce")]:
        for letter in names:
            house.ordered(name=f"{letter}-one", project=project, environment="default", by=lead)
            made.append(f"{letter}-one")
    client = getattr(house.people, who).client
    expected = sorted(made) if "name" in sort else made
    expected = expected[::-1] if sort.startswith("-") else expected
    page = body_of(client.get(f"/api/v1/resources?limit=3&sort={sort}"))
    forth, back = [row["name"] for row in page["results"]], list[str]()
    while page["next"] is not None:
        page = body_of(client.get(page["next"]))
        forth += [row["name"] for row in page["results"]]
    while page["previous"] is not None:
        page = body_of(client.get(page["previous"]))
        back = [row["name"] for row in page["results"]] + back
    assert forth == expected
    assert back == expected[:6]  # all but the third page


def test_the_ids_of_a_page_are_found_before_anything_is_joined(house: House) -> None:
    with CaptureQueriesContext(connection) as sent:
        assert rows(house, "requests")
    (text,) = [query["sql"] for query in sent if "provisioning_request" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {text}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "unnest(ARRAY(SubPlan" in plan  # of each project so many, by its own index
    assert "ARRAY(SELECT unnest(ARRAY(SELECT" in text


def test_resources_of_one_name_in_several_environments_are_each_listed_once(house: House) -> None:
    for environment in ("default", "live"):
        house.ordered(name="orders", environment=environment, by=house.people.lead)
    found: list[tuple[str, str]] = []
    url: str | None = "/api/v1/resources?sort=name&limit=1"
    while url is not None:
        page = body_of(house.owner.client.get(url))
        found += [(row["name"], row["environment"]) for row in page["results"]]
        url = page["next"]
    assert sorted(found) == [("orders", "default"), ("orders", "live"), ("orders", "staging")]


def test_a_cursor_is_for_one_list_one_filter_one_order_and_one_caller(house: House) -> None:
    house.ordered(name="more")
    client = house.owner.client
    address = "/api/v1/resources?project=checkout&sort=name&limit=1"
    url = body_of(client.get(address))["next"]
    cursor = url.partition("cursor=")[2]
    assert client.get(url).status_code == 200
    assert client.get(url.replace("limit=1", "limit=5")).status_code == 200
    for other in (
        f"/api/v1/resources?project=checkout&limit=1&cursor={cursor}",
        f"/api/v1/resources?project=checkout&sort=-name&limit=1&cursor={cursor}",
        f"/api/v1/resources?sort=name&limit=1&cursor={cursor}",
        f"/api/v1/runs?cursor={cursor}",
        f"/api/v1/resources?project=checkout&sort=name&cursor={cursor[:-1]}",
    ):
        answer = client.get(other)
        assert (answer.status_code, body_of(answer)["code"]) == (400, "invalid_cursor"), other
    answer = house.people.teammate.client.get(url)
    assert (answer.status_code, body_of(answer)["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("address", LISTS)
def test_every_list_can_be_turned_around(house: House, address: str) -> None:
    house.ordered(name="more")
    newest, oldest = (rows(house, f"{address}?sort={sort}") for sort in ("-created_at", "created_at"))
    assert newest == rows(house, address)
    assert newest[::-1] == oldest


def test_the_order_by_name_is_the_one_of_an_index(house: House) -> None:
    house.ordered(name="more")
    project = resource_of(house.orders).project_id
    query = Resource.objects.filter(project=project).order_by("name", "pk")
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_sort = off")
        plan = query.explain()
        cursor.execute("RESET ALL")
    assert "resource_name" in plan
    assert "Sort" not in plan
