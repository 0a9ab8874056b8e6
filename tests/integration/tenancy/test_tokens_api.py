"""Tokens over the API: nobody sees or ends another's, none reaches further than the one that made it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.ids import Prefix, new_id, parse, show
from platform_api.idempotency.models import IdempotencyKey
from platform_api.tenancy.models import ApiToken
from platform_api.tenancy.models.scopes import ALL, ORDERING, Scope
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.selectors.tokens import token_used
from platform_api.tenancy.services.teams import project_create
from platform_api.tenancy.services.tokens import token_issue, token_revoke
from platform_api.tenancy.services.users import user_create
from tests import databases
from tests.people import TESTS, People, Person

TOKENS = "/api/v1/tokens"
DAY = timedelta(days=1)


def narrow(person: Person, **narrowed: Any) -> Person:
    """Return the person with a token that reaches less far."""
    issued = token_issue(user=person.user, name="narrow", caller=TESTS, **{"scopes": ALL, **narrowed})
    return Person(person.user, issued.secret)


def token_of(person: Person) -> ApiToken:
    used = token_used(caller=person.caller)
    assert used is not None
    return used


def make(person: Person, *, key: str | None = None, **members: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": f'"{key}"'}
    body = {"name": "made", "scopes": ["catalog:read"], **members}
    return person.client.post(TOKENS, body, format="json", headers=headers)


def address(token: ApiToken) -> str:
    return f"{TOKENS}/{show(Prefix.API_TOKEN, token.pk)}"


def findings(answer: HttpResponse) -> set[tuple[str, str]]:
    body = answer.json()  # type: ignore[attr-defined] # of the test client
    assert (answer.status_code, body["code"]) == (422, "request_refused"), body
    return {(each["pointer"], each["code"]) for each in body["errors"]}


def rows() -> dict[str, str]:
    return databases.contents(without={"audit_event"})


def test_a_token_is_made_with_a_token_and_its_secret_shown_once(people: People) -> None:
    answer = make(people.owner, scopes=["catalog:read", "requests:read"], project="checkout", networks=["127.0.0.0/8"])
    assert answer.status_code == 201
    assert "no-store" in answer.headers["Cache-Control"]
    body = answer.json()
    secret = body.pop("secret")
    assert answer.headers["Location"] == f"{TOKENS}/{body['id']}"
    shown = people.owner.client.get(answer.headers["Location"]).json()
    assert shown == body
    assert (shown["user"], shown["kind"], shown["project"], shown["team"]) == ("owner", "pat", "checkout", None)
    assert (shown["scopes"], shown["networks"]) == (["catalog:read", "requests:read"], ["127.0.0.0/8"])
    assert (shown["status"], shown["family"], shown["rotated_at"]) == ("in_force", shown["id"], None)
    assert secret.startswith(shown["begins_with"].rstrip("…"))
    assert secret[8:] not in str(AuditEvent.objects.values()) + str(ApiToken.objects.values())
    assert Person(people.owner.user, secret).client.get(f"{TOKENS}/current").json()["scopes"] == shown["scopes"]
    (event,) = AuditEvent.objects.filter(action="token.issued", object_id=parse(Prefix.API_TOKEN, body["id"]))
    assert (event.actor_name, event.token_id) == ("owner", people.owner.caller.token_id)


def test_what_is_left_out_is_as_with_the_token_that_asks(people: People) -> None:
    end = clock.now() + 5 * DAY
    narrowed = narrow(people.owner, project=people.checkout, networks=["127.0.0.0/8"], expires_at=end)
    made = make(narrowed).json()
    assert (made["project"], made["networks"]) == ("checkout", ["127.0.0.0/8"])
    assert ApiToken.objects.get(name="made").expires_at == end
    long = narrow(people.owner, expires_at=clock.now() + 360 * DAY)
    life = parse_end(make(long).json()) - clock.now()
    assert 89 * DAY < life <= 90 * DAY


def parse_end(made: dict[str, Any]) -> Any:
    return ApiToken.objects.get(pk=parse(Prefix.API_TOKEN, made["id"])).expires_at


def test_a_service_makes_tokens_of_services(people: People) -> None:
    service = user_create(username="builds", kind=UserKind.SERVICE, caller=TESTS)
    secret = token_issue(user=service, name="x", caller=TESTS, scopes=ALL).secret
    assert make(Person(service, secret)).json()["kind"] == "svc"


BEYOND, UNSEEN = "beyond_own_token", "project_unknown"
"""A narrowed token does not even see a project that it is not for."""


@pytest.mark.parametrize(
    ("narrowed", "asked", "found"),
    [
        ({"scopes": {Scope.TENANCY_WRITE}}, {"scopes": ["catalog:read"]}, ("#/scopes", BEYOND)),
        ({"project": "checkout"}, {"team": "shop"}, ("#/project", BEYOND)),
        ({"project": "checkout"}, {"project": "tills"}, ("#/project", UNSEEN)),
        ({"team": "shop"}, {"project": "spy"}, ("#/project", UNSEEN)),
        ({"networks": ["127.0.0.0/8"]}, {"networks": ["126.0.0.0/7"]}, ("#/networks", BEYOND)),
        ({"networks": ["127.0.0.0/8"]}, {"networks": ["127.0.0.1", "::1/128"]}, ("#/networks", BEYOND)),
        ({"networks": ["127.0.0.0/8"]}, {"networks": []}, ("#/networks", BEYOND)),
        ({"expires_at": 1}, {"expires_at": 2}, ("#/expires_at", BEYOND)),
    ],
)
def test_no_token_makes_one_that_reaches_further_than_itself(
    people: People, narrowed: dict[str, Any], asked: dict[str, Any], found: tuple[str, str]
) -> None:
    project_create(team=people.shop, slug="tills", name="Tills", caller=TESTS)
    meant = {"checkout": people.checkout, "shop": people.shop, 1: clock.now() + DAY}
    person = narrow(people.admin, **{
        name: meant[value] if isinstance(value, str | int) else value for name, value in narrowed.items()
    })  # fmt: skip
    assert people.spy.slug == "spy"
    if "expires_at" in asked:
        asked = {"expires_at": (clock.now() + 2 * DAY).isoformat()}
    token_of(person)  # its use is written down
    before = rows()
    assert findings(make(person, **asked)) == {found}
    assert rows() == before


def test_everything_that_reaches_further_is_told_at_once(people: People) -> None:
    person = narrow(people.owner, scopes={Scope.TENANCY_WRITE}, networks=["127.0.0.0/8"], expires_at=clock.now() + DAY)
    asked: dict[str, Any] = {"networks": ["10.0.0.0/8"], "expires_at": (clock.now() + 2 * DAY).isoformat()}
    assert {pointer for pointer, _ in findings(make(person, **asked))} == {"#/scopes", "#/networks", "#/expires_at"}


def test_a_token_of_a_team_makes_one_of_a_project_of_the_team(people: People) -> None:
    assert people.checkout.team == people.shop
    made = make(narrow(people.teammate, team=people.shop), project=show(Prefix.PROJECT, people.checkout.pk)).json()
    assert (made["team"], made["project"]) == (None, "checkout")


def test_a_project_token_of_an_overseer_makes_none_that_oversees(people: People) -> None:
    assert findings(make(narrow(people.admin, project=people.checkout), team="shop"))
    made = make(narrow(people.admin, project=people.checkout)).json()
    assert made["project"] == "checkout"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"project": "spy"}, ("#/project", "project_unknown")),
        ({"project": "nothing"}, ("#/project", "project_unknown")),
        ({"project": "prj_zzz"}, ("#/project", "project_unknown")),
        ({"team": "rivals"}, ("#/team", "team_unknown")),
        ({"scopes": []}, ("#/scopes", "too_short")),
        ({"scopes": ["moon:walk"]}, ("#/scopes/0", "not_a_choice")),
        ({"name": ""}, ("#/name", "too_short")),
        ({"networks": ["300.1.1.1"]}, ("#/networks/0", "invalid_value")),
        ({"networks": ["127.0.0.0/8", "10.1.2.3/8"]}, ("#/networks/1", "invalid_value")),
        ({"networks": ["10.0.0.0/8\n"]}, ("#/networks/0", "pattern_mismatch")),
        ({"expires_at": "2027-01-01T00:00:00"}, ("#/expires_at", "invalid_value")),
        ({"expires_at": "tomorrow"}, ("#/expires_at", "invalid_value")),
        ({"kind": "ci"}, ("#/kind", "unknown_field")),
        ({"user": "admin"}, ("#/user", "unknown_field")),
    ],
)
def test_a_token_that_is_asked_for_wrongly_is_refused_and_told_why(
    people: People, asked: dict[str, Any], found: tuple[str, str]
) -> None:
    assert people.spy.team == people.rivals
    token_of(people.owner)
    before = rows()
    assert findings(make(people.owner, **asked)) == {found}
    assert rows() == before


@pytest.mark.parametrize("days", [-1, 367])
def test_a_life_out_of_bounds_is_refused(people: People, days: int) -> None:
    long = narrow(people.owner, expires_at=clock.now() + 366 * DAY)
    answer = make(long, expires_at=(clock.now() + days * DAY).isoformat())
    assert answer.status_code == 422
    assert answer.json()["code"] in {"token_life_refused", "request_refused"}
    assert not ApiToken.objects.filter(name="made").exists()


def test_a_repeated_key_makes_no_second_token_and_says_how_to_come_to_a_secret(people: People) -> None:
    first = make(people.owner, key="once")
    count = ApiToken.objects.count()
    again = make(people.owner, key="once")
    assert (again.status_code, again.json()["code"]) == (409, "secret_shown_once")
    assert f"{first.headers['Location']}/rotate" in again.json()["remedy"]
    other = make(people.owner, key="once", name="another")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert ApiToken.objects.count() == count
    (kept,) = IdempotencyKey.objects.filter(key="once")
    assert (kept.answer, kept.status) == ("", 201)
    rotated = people.owner.client.post(
        f"{first.headers['Location']}/rotate", format="json", headers={"Idempotency-Key": '"once more"'}
    )
    assert rotated.status_code == 201


def test_a_rotation_takes_the_place_of_its_token_with_the_same_reach_and_end(people: People) -> None:
    end = clock.now() + 5 * DAY
    person = narrow(people.owner, project=people.checkout, networks=["127.0.0.0/8"], expires_at=end)
    old = token_of(person)
    answer = person.client.post(f"{address(old)}/rotate")
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["family"], made["project"]) == (show(Prefix.API_TOKEN, old.pk), "checkout")
    new = ApiToken.objects.get(pk=parse(Prefix.API_TOKEN, made["id"]))
    same = ("user_id", "kind", "name", "scopes", "project_id", "team_id", "networks", "expires_at")
    assert [getattr(new, each) for each in same] == [getattr(old, each) for each in same]
    assert person.client.get(f"{TOKENS}/current").status_code == 401
    fresh = Person(people.owner.user, made["secret"])
    again = fresh.client.post(f"{TOKENS}/{made['id']}/rotate").json()
    assert again["family"] == made["family"]
    (event,) = AuditEvent.objects.filter(action="token.rotated", object_id=old.pk)
    assert event.after == {"by": made["id"], "overlap_seconds": 0}


def test_a_rotated_token_goes_on_for_as_long_as_was_said_and_is_rotated_once(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = narrow(people.owner)
    old = token_of(person)
    begun = clock.now()
    made = person.client.post(f"{address(old)}/rotate", {"overlap_seconds": 60}, format="json").json()
    shown = person.client.get(address(old)).json()
    assert (shown["status"], shown["revoked_at"]) == ("in_force", None)
    assert shown["rotated_at"]
    old.refresh_from_db()
    assert timedelta(0) <= old.expires_at - begun - timedelta(seconds=60) < timedelta(seconds=60)
    again = person.client.post(f"{address(old)}/rotate")
    assert (again.status_code, again.json()["code"]) == (409, "token_ended")
    late = make(person, expires_at=(begun + timedelta(hours=1)).isoformat())
    assert findings(late) == {("#/expires_at", "beyond_own_token")}
    monkeypatch.setattr(clock, "now", lambda: old.expires_at)
    assert person.client.get(address(old)).json()["code"] == "token_expired"
    assert Person(people.owner.user, made["secret"]).client.get(address(old)).json()["status"] == "expired"


@pytest.mark.parametrize("seconds", [-1, 86401, 1.5, "60", None])
def test_an_overlap_out_of_bounds_is_refused(people: People, seconds: Any) -> None:
    token = token_of(people.owner)
    before = rows()
    assert findings(people.owner.client.post(f"{address(token)}/rotate", {"overlap_seconds": seconds}, format="json"))
    assert rows() == before


def test_a_narrower_token_rotates_none_that_reaches_further(people: People) -> None:
    wide, narrowed = token_of(people.owner), narrow(people.owner, scopes={Scope.TENANCY_WRITE})
    token_of(narrowed)
    before = rows()
    answer = narrowed.client.post(f"{address(wide)}/rotate")
    assert (answer.status_code, answer.json()["code"]) == (403, "token_wider")
    assert rows() == before


def test_a_revoked_token_is_not_rotated(people: People) -> None:
    ended = token_of(narrow(people.owner, expires_at=clock.now() + DAY))
    token_revoke(token=ended, caller=TESTS)
    answer = people.owner.client.post(f"{address(ended)}/rotate")
    assert (answer.status_code, answer.json()["code"]) == (409, "token_ended")


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


def test_a_token_for_orders_makes_no_tokens(people: People) -> None:
    assert make(narrow(people.owner, scopes=ORDERING)).json()["code"] == "scope_missing"


def test_a_list_costs_three_statements_at_most(people: People) -> None:
    for number in range(5):
        token_issue(user=people.owner.user, name=f"t{number}", kind=TokenKind.CI, caller=TESTS)
    people.owner.client.get(TOKENS)
    with CaptureQueriesContext(connection) as queries:
        people.owner.client.get(TOKENS)
    assert len(queries) == 3  # the caller, where no process keeps it; the token in use; the page
