from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from platform_api.core.ids import Prefix, new_id, show
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.teams import project_create
from platform_api.tenancy.services.tokens import token_issue
from tests.people import TESTS, People, Person


def slugs(person: Person, path: str) -> list[str]:
    answer = person.client.get(path)
    assert answer.status_code == 200, answer.content
    return [row["slug"] for row in answer.json()["results"]]


def test_everyone_sees_their_own_projects_and_overseers_see_all(people: People) -> None:
    assert (people.checkout.slug, people.spy.slug) == ("checkout", "spy")
    seen = {
        name: sorted(slugs(getattr(people, name), "/api/v1/projects"))
        for name in ("owner", "teammate", "viewer", "lead", "approver", "stranger", "auditor", "admin")
    }
    ours, theirs, both = ["checkout"], ["spy"], ["checkout", "spy"]
    assert seen == {
        "owner": ours, "teammate": ours, "viewer": ours, "lead": ours, "approver": ours,
        "stranger": theirs, "auditor": both, "admin": both,
    }  # fmt: skip


def test_teams_are_seen_by_whoever_has_a_role_in_them(people: People) -> None:
    assert (people.checkout.slug, people.spy.slug) == ("checkout", "spy")
    assert slugs(people.owner, "/api/v1/teams") == ["shop"]
    assert slugs(people.stranger, "/api/v1/teams") == ["rivals"]
    assert sorted(slugs(people.auditor, "/api/v1/teams")) == ["rivals", "shop"]


@pytest.mark.parametrize("by", ["slug", "id"])
def test_a_project_is_found_by_slug_and_by_id(people: People, by: str) -> None:
    name = "checkout" if by == "slug" else show(Prefix.PROJECT, people.checkout.pk)
    answer = people.owner.client.get(f"/api/v1/projects/{name}")
    assert answer.status_code == 200
    assert answer.json()["id"] == show(Prefix.PROJECT, people.checkout.pk)
    assert answer.json()["team"] == "shop"


def test_a_strangers_project_answers_exactly_like_a_missing_one(people: People) -> None:
    client = people.stranger.client
    client.get("/api/v1/projects")  # the token's first use is written down
    spied = f"/api/v1/projects/{people.checkout.slug}"
    answers: list[tuple[int, dict[str, Any], int]] = []
    for path in (spied, "/api/v1/projects/missing", f"/api/v1/projects/{show(Prefix.PROJECT, people.checkout.pk)}",
                 f"/api/v1/projects/{show(Prefix.PROJECT, new_id())}"):  # fmt: skip
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path)
        body = {name: value for name, value in answer.json().items() if name not in {"instance", "correlation_id"}}
        answers.append((answer.status_code, body, len(queries)))
    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert answers[0][0] == 404


def test_a_list_is_paged_without_gap_or_repeat_while_rows_are_added(people: People) -> None:
    made = [people.checkout.slug]
    made += [project_create(team=people.shop, slug=f"p{n}", name="P", caller=TESTS).slug for n in range(6)]
    client = people.teammate.client
    seen: list[str] = []
    url: str | None = "/api/v1/projects?limit=3"
    pages = []
    while url:
        answer = client.get(url)
        page = answer.json()
        assert ('rel="next"' in answer.headers.get("Link", "")) == (page["next"] is not None)
        seen += [row["slug"] for row in page["results"]]
        pages.append(page)
        if len(pages) == 1:
            project_create(team=people.shop, slug="late", name="Late", caller=TESTS)
        url = page["next"]
    assert seen == made[::-1]
    assert [len(page["results"]) for page in pages] == [3, 3, 1]
    back = client.get(pages[1]["previous"]).json()
    assert [row["slug"] for row in back["results"]] == [row["slug"] for row in pages[0]["results"]]
    assert back["previous"] is not None  # "late" came before


def test_a_page_costs_one_query_beside_the_token(
    people: People, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = people.auditor.client
    assert people.checkout.slug
    client.get("/api/v1/projects")
    with django_assert_num_queries(2):
        client.get("/api/v1/projects")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("colour=red", "invalid_filter"),
        ("limit=0", "invalid_filter"),
        ("limit=101", "invalid_filter"),
        ("limit=ten", "invalid_filter"),
        ("limit=%D9%A1", "invalid_filter"),
        ("limit=99999999999999999999", "invalid_filter"),
        ("cursor=x", "invalid_cursor"),
        ("cursor=", "invalid_cursor"),
    ],
)
def test_a_bad_query_is_refused_and_not_ignored(people: People, query: str, code: str) -> None:
    answer = people.owner.client.get(f"/api/v1/projects?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("path", ["/api/v1/projects/%00", "/api/v1/projects?team=%00", "/api/v1/projects?%00=1"])
def test_a_nul_in_the_address_is_refused(people: People, path: str) -> None:
    answer = people.owner.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (400, "unstorable_text")


def test_a_cursor_of_another_list_is_refused(people: People) -> None:
    for number in range(2):
        project_create(team=people.shop, slug=f"p{number}", name="P", caller=TESTS)
    client = people.teammate.client
    cursor = client.get("/api/v1/projects?limit=1").json()["next"].split("cursor=")[1]
    assert client.get(f"/api/v1/teams?cursor={cursor}").json()["code"] == "invalid_cursor"


def test_a_token_without_the_scope_is_refused_and_told_which(people: People) -> None:
    issued = token_issue(user=people.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, scopes={Scope.CATALOG_READ})
    answer = Person(people.owner.user, issued.secret).client.get("/api/v1/projects")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert "tenancy:read" in answer.json()["detail"]
