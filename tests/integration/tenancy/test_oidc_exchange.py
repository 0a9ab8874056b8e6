"""CI jobs exchange what their system has signed, once, for a token that is as narrow as their rule."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models import ApiToken, TrustRule, UsedIdentity, User
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.tokens import token_authenticate
from platform_api.tenancy.services.users import user_create
from tests.integration.tenancy.issuer import Issuer
from tests.integration.tenancy.jobs import EXCHANGE, SCOPES, exchange, newest_told, refused, rule_make
from tests.people import TESTS, People, Person


def test_a_github_job_gets_a_token_of_ten_minutes_as_narrow_as_its_rule(
    trusted: TrustRule, github: Issuer, people: People
) -> None:
    begun = clock.now()
    answer = exchange(github.sign(github.claims()))
    assert answer.status_code == 201, answer.content
    assert "no-store" in answer.headers["Cache-Control"]
    made = answer.json()
    job = "github:shop/orders@refs/heads/main (octocat)"
    assert (made["kind"], made["user"], made["project"], made["on_behalf_of"]) == ("ci", "builds", "checkout", job)
    assert made["scopes"] == sorted(SCOPES)
    token = ApiToken.objects.get(kind="ci")
    assert begun + timedelta(minutes=10) <= token.expires_at <= clock.now() + timedelta(minutes=10)
    caller = token_authenticate(presented=made["secret"], ip="127.0.0.1", correlation_id="c")
    assert caller.project_roles == {people.checkout.pk: frozenset({"developer"})}
    assert (caller.team_roles, caller.on_behalf_of) == ({}, job)
    (event,) = AuditEvent.objects.filter(action="token.issued", object_id=token.pk)
    assert (event.actor_name, event.auth_method, event.project_id) == ("builds", "oidc", people.checkout.pk)
    assert event.after
    assert event.after["trust_rule"] == show(Prefix.TRUST_RULE, trusted.pk)
    assert event.after["claims"] == {
        "issuer": github.url,
        "repository": "shop/orders",
        "repository_id": "1296269",
        "ref": "refs/heads/main",
        "event": "push",
        "environment": None,
        "run_id": "30433642",
        "actor": "octocat",
    }
    assert made["secret"][8:] not in str(AuditEvent.objects.values())
    current = Person(token.user, made["secret"]).client.get("/api/v1/tokens/current").json()
    assert (current["kind"], current["token"]["on_behalf_of"]) == ("service", job)


def test_a_gitlab_job_gets_one_too_signed_with_an_elliptic_curve(gitlab: Issuer, service: User, people: People) -> None:
    rule_make(gitlab, service, team=people.shop, needs_protected_ref=True)
    answer = exchange(gitlab.sign(gitlab.claims(project_id=22, aud=["slipway.test"]), algorithm="ES256"))
    assert answer.status_code == 201, answer.content
    assert (answer.json()["team"], answer.json()["project"]) == ("shop", None)
    assert answer.json()["on_behalf_of"] == "gitlab:shop/orders@refs/heads/main (dana)"


def test_a_token_counts_once(trusted: TrustRule, github: Issuer) -> None:
    token = github.sign(github.claims())
    assert exchange(token).status_code == 201
    refused(token, 401, "oidc_token_invalid")
    assert newest_told()["run_id"] == "30433642"


def test_of_many_exchanges_of_one_token_at_once_one_wins(committed_people: People, github: Issuer) -> None:
    made = user_create(username="builds", kind=UserKind.SERVICE, caller=TESTS)
    rule_make(github, made, project=committed_people.checkout)
    token, together = github.sign(github.claims()), threading.Barrier(8)

    def one(_: int) -> int:
        together.wait(timeout=60)
        try:
            return int(exchange(token).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(one, range(8))) == [201, *[401] * 7]
    assert ApiToken.objects.filter(kind="ci").count() == 1


def test_the_same_claims_signed_anew_count_once(trusted: TrustRule, github: Issuer) -> None:
    claims = github.claims()
    assert exchange(github.sign(claims)).status_code == 201
    refused(github.sign(claims, algorithm="ES256"), 401, "oidc_token_invalid")


def test_tokens_that_have_expired_are_forgotten_by_those_that_follow(trusted: TrustRule, github: Issuer) -> None:
    UsedIdentity.objects.create(key="0" * 64, expires_at=clock.now() - timedelta(seconds=121))
    UsedIdentity.objects.create(key="1" * 64, expires_at=clock.now() - timedelta(seconds=115))
    assert exchange(github.sign(github.claims())).status_code == 201
    assert not UsedIdentity.objects.filter(key="0" * 64).exists()
    assert UsedIdentity.objects.count() == 2


def test_an_issuer_that_is_taken_off_the_list_is_refused(trusted: TrustRule, github: Issuer, settings: Any) -> None:
    settings.CI_ISSUERS = {}
    refused(github.sign(github.claims()), 401, "oidc_token_invalid")


def test_a_header_with_a_token_means_nothing_here(trusted: TrustRule, github: Issuer, people: People) -> None:
    answer = exchange(github.sign(github.claims()), Authorization="Bearer slw_nonsense")
    assert answer.status_code == 201
    assert exchange("x", Authorization=f"Bearer {people.admin.secret}").status_code == 401


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": 5}, {"token": "x" * 16_385}, {"token": "x", "a": 1}, []])
def test_a_body_that_holds_no_token_is_refused(db: None, body: object) -> None:
    answer = APIClient().post(EXCHANGE, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "request_refused")


def test_a_jobs_token_makes_rotates_and_ends_no_tokens(trusted: TrustRule, github: Issuer) -> None:
    made = exchange(github.sign(github.claims())).json()
    client = Person(trusted.user, made["secret"]).client
    address = f"/api/v1/tokens/{made['id']}"
    for answer in (client.post("/api/v1/tokens", {}), client.post(f"{address}/rotate"), client.delete(address)):
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
