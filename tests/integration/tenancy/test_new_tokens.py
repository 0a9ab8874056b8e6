"""Tokens are made with tokens over the API, and none reaches further than the one that made it."""

from typing import Any

import pytest

from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.ids import Prefix, parse, show
from platform_api.idempotency.models import IdempotencyKey
from platform_api.tenancy.models import ApiToken
from platform_api.tenancy.models.scopes import ALL, ORDERING, Scope
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.teams import project_create
from platform_api.tenancy.services.tokens import token_issue
from platform_api.tenancy.services.users import user_create
from tests.integration.tenancy.tokens import DAY, TOKENS, findings, make, narrow, rows, token_of
from tests.people import TESTS, People, Person


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
    made = make(long).json()
    life = ApiToken.objects.get(pk=parse(Prefix.API_TOKEN, made["id"])).expires_at - clock.now()
    assert 89 * DAY < life <= 90 * DAY


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


def test_a_token_for_orders_makes_no_tokens(people: People) -> None:
    assert make(narrow(people.owner, scopes=ORDERING)).json()["code"] == "scope_missing"
