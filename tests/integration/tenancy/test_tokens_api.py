"""Tokens are seen and ended over the API: nobody sees or ends another's."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from platform_api.audit.models import AuditEvent
from platform_api.core.ids import Prefix, new_id, show
from platform_api.tenancy.models.scopes import ALL, Scope
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.tokens import token_issue
from tests.integration.tenancy.tokens import TOKENS, address, narrow, rows, token_of
from tests.people import TESTS, People, Person


def test_ones_own_token_is_ended_and_ending_it_again_changes_nothing(people: People) -> None:
    gone = token_of(narrow(people.owner))
    for _ in range(2):
        answer = people.owner.client.delete(address(gone))
        assert (answer.status_code, answer.content) == (204, b"")
    assert people.owner.client.get(address(gone)).json()["status"] == "revoked"
    assert AuditEvent.objects.filter(action="token.revoked", object_id=gone.pk).count() == 1


def test_a_token_may_end_itself(people: People) -> None:
    itself = narrow(people.owner)
    assert itself.client.delete(address(token_of(itself))).status_code == 204
    assert itself.client.get(TOKENS).json()["code"] == "token_invalid"


def test_platform_admins_end_tokens_of_others_and_get_no_secret_of_them(people: People) -> None:
    token = token_of(people.owner)
    rotated = people.admin.client.post(f"{address(token)}/rotate")
    assert (rotated.status_code, rotated.json()["code"]) == (403, "token_wider")
    assert people.admin.client.delete(address(token)).status_code == 204
    assert people.owner.client.get(TOKENS).status_code == 401


def test_an_auditor_reads_tokens_of_others_and_ends_none(people: People) -> None:
    token = token_of(people.owner)
    assert people.auditor.client.get(address(token)).json()["user"] == "owner"
    before = rows()
    answer = people.auditor.client.delete(address(token))
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")
    assert rows() == before


@pytest.mark.parametrize(("method", "suffix"), [("get", ""), ("delete", ""), ("post", "/rotate")])
def test_a_strangers_token_answers_exactly_like_a_missing_one(people: People, method: str, suffix: str) -> None:
    token = token_of(people.owner)
    client = people.lead.client  # admin of the team, and yet a stranger to the token
    client.get(TOKENS)
    answers = []
    for shown in (show(Prefix.API_TOKEN, token.pk), show(Prefix.API_TOKEN, new_id())):
        before = rows()
        with CaptureQueriesContext(connection) as queries:
            answer = getattr(client, method)(f"{TOKENS}/{shown}{suffix}")
        body = {name: value for name, value in answer.json().items() if name not in {"instance", "correlation_id"}}
        answers.append((answer.status_code, body, len(queries)))
        assert rows() == before
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def listed(person: Person, query: str = "") -> set[str]:
    answer = person.client.get(f"{TOKENS}{query}")
    assert answer.status_code == 200, answer.content
    return {f"{each['user']}:{each['name']}" for each in answer.json()["results"]}


def test_a_list_has_ones_own_tokens_and_overseers_may_ask_for_anothers(people: People) -> None:
    narrow(people.owner)
    assert people.stranger.user.username == "stranger"
    owners = {"owner:tests", "owner:narrow"}
    assert listed(people.owner) == listed(people.owner, "?user=owner") == owners
    assert listed(people.admin) == {"admin:tests"}
    assert listed(people.admin, "?user=owner") == listed(people.auditor, "?user=owner") == owners
    assert listed(people.admin, f"?user={show(Prefix.USER, people.owner.user.pk)}") == owners
    for asked in ("?user=owner", f"?user={show(Prefix.USER, people.owner.user.pk)}", "?user=nobody"):
        assert listed(people.stranger, asked) == set()
    for refused in ("?owner=owner", "?user=usr_x"):
        assert people.owner.client.get(f"{TOKENS}{refused}").json()["code"] == "invalid_filter"


def test_a_narrowed_token_sees_and_ends_none_that_is_narrowed_otherwise(people: People) -> None:
    wide = token_of(people.teammate)
    by_project, by_team = narrow(people.teammate, project=people.checkout), narrow(people.teammate, team=people.shop)
    assert len(people.teammate.client.get(TOKENS).json()["results"]) == 3
    assert len(by_team.client.get(TOKENS).json()["results"]) == 2
    (own,) = by_project.client.get(TOKENS).json()["results"]
    assert own["project"] == "checkout"
    assert by_project.client.delete(address(wide)).status_code == 404
    assert by_project.client.delete(address(token_of(by_team))).status_code == 404
    assert by_team.client.delete(address(token_of(by_project))).status_code == 204


def test_a_token_tells_who_calls_whatever_its_scopes_are(people: People) -> None:
    person = narrow(people.teammate, scopes={Scope.CATALOG_READ}, project=people.checkout)
    answer = person.client.get(f"{TOKENS}/current")
    assert answer.status_code == 200
    body = answer.json()
    token = body.pop("token")
    assert body == {
        "user": "teammate",
        "kind": "human",
        "scopes": ["catalog:read"],
        "roles": [{"role": "developer", "team": "shop", "project": "checkout"}],
        "is_auditor": False,
        "is_platform_admin": False,
    }
    assert (token["id"], token["project"]) == (show(Prefix.API_TOKEN, token_of(person).pk), "checkout")
    assert token["expires_at"]
    assert people.auditor.client.get(f"{TOKENS}/current").json()["is_auditor"] is True
    on_team = people.teammate.client.get(f"{TOKENS}/current").json()["roles"]
    assert on_team == [{"role": "developer", "team": "shop", "project": None}]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", TOKENS, "tenancy:read"),
        ("get", f"{TOKENS}/tok_x", "tenancy:read"),
        ("post", TOKENS, "tenancy:write"),
        ("post", f"{TOKENS}/tok_x/rotate", "tenancy:write"),
        ("delete", f"{TOKENS}/tok_x", "tenancy:write"),
    ],
)
def test_a_route_needs_its_scope(people: People, method: str, path: str, scope: str) -> None:
    person = narrow(people.owner, scopes=ALL - {Scope(scope)})
    answer = getattr(person.client, method)(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert scope in answer.json()["detail"]


def test_a_list_costs_three_statements_at_most(people: People) -> None:
    for number in range(5):
        token_issue(user=people.owner.user, name=f"t{number}", kind=TokenKind.CI, caller=TESTS)
    people.owner.client.get(TOKENS)
    with CaptureQueriesContext(connection) as queries:
        people.owner.client.get(TOKENS)
    assert len(queries) == 3  # the caller, where no process keeps it; the token in use; the page
