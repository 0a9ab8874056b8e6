import pytest

from governance.services.quota_limits import ProjectFacts, quotas_ensure
from governance.services.quotas import quota_reserve_together
from platform_api.core.ids import Prefix, new_id, show
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.tokens import token_issue
from tests.people import TESTS, People, Person


@pytest.fixture
def quotas(people: People) -> People:
    for project in (people.checkout, people.spy):
        team = project.team
        facts = ProjectFacts(project_id=project.pk, project_slug=project.slug, team_id=team.pk, team_slug=team.slug)
        quotas_ensure(facts=facts, kinds=["points", "count:database"])
        if project == people.checkout:
            quota_reserve_together(facts=facts, amounts={new_id(): {"points": 2}}, caller=TESTS)
    return people


def test_a_project_shows_its_own_quotas_and_its_teams(quotas: People) -> None:
    answer = quotas.owner.client.get("/api/v1/quotas?project=checkout")
    assert answer.status_code == 200
    rows = {(row["scope"], row["kind"]): row for row in answer.json()["results"]}
    assert set(rows) == {
        ("project:checkout", "points"), ("project:checkout", "count:database"),
        ("team:shop", "points"), ("team:shop", "count:database"),
    }  # fmt: skip
    row = rows["project:checkout", "points"]
    assert row.pop("id").startswith("quo_")
    assert row == {
        "scope": "project:checkout", "kind": "points", "limit": 20, "reserved": 2, "used": 0, "version": 1,
    }  # fmt: skip


@pytest.mark.parametrize("by", ["slug", "id"])
def test_a_team_shows_its_own_quotas_only(quotas: People, by: str) -> None:
    name = "shop" if by == "slug" else show(Prefix.TEAM, quotas.shop.pk)
    answer = quotas.teammate.client.get(f"/api/v1/quotas?team={name}")
    assert {row["scope"] for row in answer.json()["results"]} == {"team:shop"}


@pytest.mark.parametrize("query", ["project=checkout", "team=shop"])
def test_a_stranger_gets_the_answer_of_a_missing_one(quotas: People, query: str) -> None:
    client = quotas.stranger.client
    spied, missing = client.get(f"/api/v1/quotas?{query}"), client.get(f"/api/v1/quotas?{query}x")
    bodies = [
        {name: value for name, value in answer.json().items() if name != "correlation_id"}
        for answer in (spied, missing)
    ]
    assert spied.status_code == missing.status_code == 404
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("query", ["", "project=checkout&team=shop", "kind=points"])
def test_a_list_is_for_one_project_or_one_team(quotas: People, query: str) -> None:
    answer = quotas.owner.client.get(f"/api/v1/quotas?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_filter")


def test_reading_quotas_needs_the_scope(quotas: People) -> None:
    issued = token_issue(user=quotas.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, scopes={Scope.CATALOG_READ})
    answer = Person(quotas.owner.user, issued.secret).client.get("/api/v1/quotas?project=checkout")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
