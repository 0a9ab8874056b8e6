"""CI jobs exchange what their system has signed; what is wrong with a token or a job, each in a case of its own."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from rest_framework.test import APIClient

from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.ids import Prefix, show
from platform_api.core.rates import limits
from platform_api.core.rates.buckets import Buckets
from platform_api.tenancy.models import ApiToken, TrustRule, UsedIdentity, User
from platform_api.tenancy.models.identities import CiIdentity
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.selectors.trust_rules import trust_rule_for
from platform_api.tenancy.services.oidc import exchanging
from platform_api.tenancy.services.teams import role_grant
from platform_api.tenancy.services.tokens import token_authenticate
from platform_api.tenancy.services.trust_rules import TrustRuleRefusedError, trust_rule_create, trust_rule_disable
from platform_api.tenancy.services.users import user_create
from tests.integration.tenancy.issuer import Claims, Issuer, encoded, public_pem, published
from tests.people import TESTS, People, Person

EXCHANGE = "/api/v1/auth/oidc/exchange"
OTHERS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SCOPES = {Scope.CATALOG_READ, Scope.REQUESTS_READ, Scope.REQUESTS_WRITE, Scope.TENANCY_READ}


def exchange(token: object, **headers: str) -> Any:
    return APIClient(raise_request_exception=False).post(EXCHANGE, {"token": token}, format="json", headers=headers)


@pytest.fixture
def service(people: People) -> User:
    """A service with roles in two teams; rules narrow it."""
    made = user_create(username="builds", kind=UserKind.SERVICE, caller=TESTS)
    role_grant(user=made, role=Role.DEVELOPER, on=people.shop, caller=TESTS)
    role_grant(user=made, role=Role.DEVELOPER, on=people.rivals, caller=TESTS)
    return made


def rule_make(issuer: Issuer, service: User, /, **changed: Any) -> TrustRule:
    number = "1296269" if issuer.kind == "github" else "22"
    said: dict[str, Any] = {
        "issuer": issuer.url,
        "repository_id": number,
        "repository": "shop/orders",
        "events": ["push"],
        "user": service,
        "scopes": SCOPES,
        "ref_pattern": "refs/heads/main",
        "caller": TESTS,
        **changed,
    }
    return trust_rule_create(**said)


@pytest.fixture
def trusted(github: Issuer, service: User, people: People) -> TrustRule:
    """The rule that a push to main of shop/orders is taken by."""
    return rule_make(github, service, project=people.checkout)


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


@pytest.mark.parametrize(
    ("rule", "claims"),
    [
        ({"ref_pattern": "refs/heads/preview-*"}, {"ref": "refs/heads/preview-142"}),
        ({"ref_pattern": "refs/heads/*"}, {"ref": "refs/heads/a/b"}),
        ({"ref_pattern": "", "environment": "staging"}, {"environment": "staging", "ref": "refs/tags/v1"}),
        ({"ref_pattern": "refs/tags/v*", "events": ["release"]}, {"ref": "refs/tags/v1", "event_name": "release"}),
        ({}, {"repository": "shop/orders-renamed"}),
        ({}, {"repository_id": 1296269, "run_id": 5, "ref_protected": False}),
        ({}, {"iat": 55, "nbf": 55}),
        ({}, {"exp": -55, "iat": -300, "nbf": -300}),
    ],
)
def test_what_a_rule_means_is_taken(
    github: Issuer, service: User, people: People, rule: dict[str, Any], claims: Claims
) -> None:
    rule_make(github, service, **{"project": people.checkout, **rule})
    now = int(clock.now().timestamp())
    moved = {name: now + value if name in {"iat", "nbf", "exp"} else value for name, value in claims.items()}
    assert exchange(github.sign(github.claims(**moved))).status_code == 201


def test_of_two_rules_the_one_counts_that_describes_the_job_more_closely(
    github: Issuer, service: User, people: People
) -> None:
    rule_make(github, service, ref_pattern="refs/heads/*", team=people.shop)
    rule_make(github, service, project=people.checkout)
    rule_make(github, service, ref_pattern="refs/heads/m*", team=people.rivals)
    assert exchange(github.sign(github.claims())).json()["project"] == "checkout"
    assert exchange(github.sign(github.claims(ref="refs/heads/minor"))).json()["team"] == "rivals"
    assert exchange(github.sign(github.claims(ref="refs/heads/other"))).json()["team"] == "shop"


def _raw(header: dict[str, Any], claims: Any, signature: bytes = b"x") -> str:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return ".".join((encoded(json.dumps(header).encode()), encoded(payload), encoded(signature)))


def _by_hmac(issuer: Issuer, secret: bytes, algorithm: str = "HS256") -> str:
    head, body, _ = _raw({"alg": algorithm, "kid": "rsa"}, issuer.claims()).split(".")
    signature = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{encoded(signature)}"


def _tampered(issuer: Issuer) -> str:
    head, _, signature = issuer.sign(issuer.claims()).split(".")
    return f"{head}.{encoded(json.dumps(issuer.claims(actor='root')).encode())}.{signature}"


def _later(seconds: int) -> int:
    return int(clock.now().timestamp()) + seconds


def _signed_bytes(issuer: Issuer, payload: bytes) -> str:
    return jwt.PyJWS().encode(payload, issuer.rsa_key, algorithm="RS256", headers={"kid": "rsa"})


def _changed(**claims: Any) -> Callable[[Issuer], object]:
    return lambda issuer: issuer.sign(issuer.claims(**claims))


INVALID: dict[str, Callable[[Issuer], object]] = {
    "algorithm none": lambda i: _raw({"alg": "none", "kid": "rsa"}, i.claims()),
    "algorithm none without signature": lambda i: _raw({"alg": "none", "kid": "rsa"}, i.claims(), b""),
    "algorithm None in capitals": lambda i: _raw({"alg": "NONE", "kid": "rsa"}, i.claims()),
    "HS256 with the public key": lambda i: _by_hmac(i, public_pem(i.rsa_key)),
    "HS256 with the public key, said to be RS256": lambda i: _by_hmac(i, public_pem(i.rsa_key), "RS256"),
    "HS256 with the modulus": lambda i: _by_hmac(i, published(i.rsa_key, "rsa")["n"].encode()),
    "RS512": lambda i: jwt.encode(i.claims(), i.rsa_key, algorithm="RS512", headers={"kid": "rsa"}),
    "PS256": lambda i: jwt.encode(i.claims(), i.rsa_key, algorithm="PS256", headers={"kid": "rsa"}),
    "ES256 with the id of an RSA key": lambda i: i.sign(i.claims(), algorithm="ES256", kid="rsa"),
    "another's key under a known id": lambda i: jwt.encode(i.claims(), OTHERS_KEY, "RS256", {"kid": "rsa"}),
    "another's key under an unknown id": lambda i: jwt.encode(i.claims(), OTHERS_KEY, "RS256", {"kid": "new"}),
    "another's key in its own header": lambda i: jwt.encode(
        i.claims(), OTHERS_KEY, "RS256", {"kid": "rsa", "jwk": published(OTHERS_KEY, "rsa")}
    ),
    "another's key at its own address": lambda i: jwt.encode(
        i.claims(), OTHERS_KEY, "RS256", {"kid": "mine", "jku": "http://127.0.0.1:1/keys"}
    ),
    "no key id": lambda i: jwt.encode(i.claims(), i.rsa_key, algorithm="RS256"),
    "a key id that is a number": lambda i: _raw({"alg": "RS256", "kid": 5}, i.claims()),
    "an extension that must be known": lambda i: i.sign(i.claims(), crit=["exp"]),
    "a payload that is not in the token": lambda i: i.sign(i.claims(), b64=False),
    "changed claims": _tampered,
    "no signature": lambda i: i.sign(i.claims()).rpartition(".")[0] + ".",
    "half a signature": lambda i: i.sign(i.claims())[:-100],
    "two parts": lambda i: i.sign(i.claims()).rpartition(".")[0],
    "five parts": lambda _: "a.b.c.d.e",
    "not base 64": lambda i: "§" + i.sign(i.claims()),
    "one of our own tokens": lambda _: "slw_pat_" + "A" * 49,
    "a claims list": lambda i: _signed_bytes(i, b"[]"),
    "nested without end": lambda i: _signed_bytes(i, b'{"a":' + b"[" * 5_000),
    "another audience": _changed(aud="https://github.com/shop"),
    "another audience besides": _changed(aud=["slipway.test", "elsewhere"]),
    "no audience": _changed(aud=None),
    "an empty list of audiences": _changed(aud=[]),
    "expired": lambda i: i.sign(i.claims(exp=_later(-61), iat=_later(-600), nbf=_later(-600))),
    "not in force yet": lambda i: i.sign(i.claims(nbf=_later(120))),
    "issued in the future": lambda i: i.sign(i.claims(iat=_later(120), exp=_later(600))),
    "ends before it begins": lambda i: i.sign(i.claims(iat=_later(10), exp=_later(5))),
    "no end": _changed(exp=None),
    "no time of issue": _changed(iat=None),
    "no beginning": _changed(nbf=None),
    "no id": _changed(jti=None),
    "an empty id": _changed(jti=""),
    "an end in text": lambda i: _signed_bytes(i, json.dumps({**i.claims(), "exp": "9999999999"}).encode()),
    "an end beyond time": _changed(exp=10**18),
    "an unknown issuer": _changed(iss="https://gitlab.example.com"),
    "an issuer with a slash more": lambda i: i.sign(i.claims(iss=f"{i.url}/")),
    "no issuer": _changed(iss=None),
    "no repository number": _changed(repository_id=None),
    "a name for a number": _changed(repository_id="shop/orders"),
    "a NUL in a name": _changed(actor="octo\x00cat"),
    "half a character": _changed(actor="\ud800"),
    "a line break in a ref": _changed(ref="refs/heads/main\n"),
}


def refused(token: object, status: int, code: str) -> dict[str, Any]:
    """Exchange in vain: nothing is made, and one event tells of it."""
    tokens, used, events = ApiToken.objects.count(), UsedIdentity.objects.count(), AuditEvent.objects.count()
    answer: HttpResponse = exchange(token)
    body: dict[str, Any] = answer.json()  # type: ignore[attr-defined] # of the test client
    assert (answer.status_code, body["code"]) == (status, code), body
    assert (ApiToken.objects.count(), UsedIdentity.objects.count()) == (tokens, used)
    assert AuditEvent.objects.count() == events + 1
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.outcome, event.code) == ("call.refused", "refused", code)
    assert event.object_name == "POST /api/v1/auth/oidc/exchange"
    return body


def newest_told() -> dict[str, Any]:
    """Return what auditors learn of the newest refusal beyond its code."""
    after = AuditEvent.objects.latest("pk").after
    assert after
    return dict(after)


@pytest.mark.parametrize("case", INVALID)
def test_a_token_that_is_not_genuine_is_refused(trusted: TrustRule, github: Issuer, case: str) -> None:
    token = INVALID[case](github)
    body = refused(token, 401, "oidc_token_invalid")
    assert body["detail"] != body["title"]  # it says what is wrong
    assert "checkout" not in str(body)
    assert str(token) not in str(AuditEvent.objects.values())
    assert exchange(github.sign(github.claims())).status_code == 201  # and that alone was wrong


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


def test_a_gitlab_that_signs_for_a_github_is_refused(trusted: TrustRule, github: Issuer, gitlab: Issuer) -> None:
    gitlab.rsa_key, kept = OTHERS_KEY, gitlab.rsa_key
    try:
        refused(gitlab.sign(github.claims()), 401, "oidc_token_invalid")
    finally:
        gitlab.rsa_key = kept


def test_tokens_that_have_expired_are_forgotten_by_those_that_follow(trusted: TrustRule, github: Issuer) -> None:
    UsedIdentity.objects.create(key="0" * 64, expires_at=clock.now() - timedelta(seconds=121))
    UsedIdentity.objects.create(key="1" * 64, expires_at=clock.now() - timedelta(seconds=115))
    assert exchange(github.sign(github.claims())).status_code == 201
    assert not UsedIdentity.objects.filter(key="0" * 64).exists()
    assert UsedIdentity.objects.count() == 2


UNTRUSTED: dict[str, Claims] = {
    "a fork that pushes": {"repository": "mallory/orders", "repository_id": "999"},
    "another repository that took the name": {"repository_id": "999"},
    "a fork's pull request": {
        "event_name": "pull_request",
        "ref": "refs/pull/7/merge",
        "head_ref": "main",
        "base_ref": "main",
        "head_repository": "mallory/orders",
        "head_repository_id": "999",
    },
    "a fork's pull request, said to be on main": {"event_name": "pull_request", "head_repository_id": "999"},
    "a pull request whose head nobody names": {"event_name": "pull_request"},
    "a pull request that runs in the base": {"event_name": "pull_request_target", "head_ref": "main"},
    "what follows from a pull request": {"event_name": "workflow_run"},
    "a comment": {"event_name": "issue_comment"},
    "another event": {"event_name": "schedule"},
    "another branch": {"ref": "refs/heads/feature"},
    "a branch that begins alike": {"ref": "refs/heads/main2"},
    "a branch that ends alike": {"ref": "refs/heads/x/refs/heads/main"},
    "a tag of the name": {"ref": "refs/tags/main"},
    "a branch in capitals": {"ref": "refs/heads/Main"},
    "an event in capitals": {"event_name": "Push"},
}


@pytest.mark.parametrize("case", UNTRUSTED)
def test_a_genuine_token_of_a_job_that_nobody_trusts_is_refused_as_if_there_were_no_rule(
    trusted: TrustRule, github: Issuer, case: str
) -> None:
    claims = github.claims(**UNTRUSTED[case])
    body = refused(github.sign(claims), 403, "oidc_not_trusted")
    assert newest_told()["repository_id"] == claims["repository_id"]
    trust_rule_disable(rule=trusted, caller=TESTS)
    without = refused(github.sign(claims), 403, "oidc_not_trusted")
    assert {**body, "correlation_id": ""} == {**without, "correlation_id": ""}


@pytest.mark.parametrize(
    "claims",
    [
        {"project_id": "23"},
        {"project_id": "1296269"},
        {"pipeline_source": "merge_request_event"},
        {"pipeline_source": "external_pull_request_event"},
        {"pipeline_source": "parent_pipeline"},
        {"ref_protected": "false"},
        {"ref_protected": None},
        {"ref_type": "tag"},
        {"environment": "production"},
        {"environment": None},
    ],
)
def test_a_gitlab_job_that_nobody_trusts_is_refused(
    gitlab: Issuer, trusted: TrustRule, service: User, people: People, claims: Claims
) -> None:
    rule_make(gitlab, service, team=people.shop, needs_protected_ref=True, environment="staging")
    refused(gitlab.sign(gitlab.claims(**{"environment": "staging", **claims})), 403, "oidc_not_trusted")
    assert exchange(gitlab.sign(gitlab.claims(environment="staging"))).status_code == 201


def test_a_service_that_is_inactive_has_no_jobs(trusted: TrustRule, github: Issuer, service: User) -> None:
    User.objects.filter(pk=service.pk).update(is_active=False)
    refused(github.sign(github.claims()), 403, "oidc_not_trusted")


def test_a_rule_that_is_switched_off_takes_nobody_and_ends_what_it_gave(trusted: TrustRule, github: Issuer) -> None:
    made = exchange(github.sign(github.claims())).json()
    trust_rule_disable(rule=trusted, caller=TESTS)
    trust_rule_disable(rule=trusted, caller=TESTS)
    refused(github.sign(github.claims()), 403, "oidc_not_trusted")
    client = Person(trusted.user, made["secret"]).client
    assert client.get("/api/v1/tokens").json()["code"] == "token_invalid"
    actions = AuditEvent.objects.filter(object_id=trusted.pk).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["trust_rule.created", "trust_rule.disabled"]


def test_a_rule_that_is_switched_off_while_a_token_is_exchanged_takes_nobody(
    trusted: TrustRule, github: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found_and_ended(identity: CiIdentity) -> TrustRule | None:
        found = trust_rule_for(identity)
        trust_rule_disable(rule=trusted, caller=TESTS)
        return found

    monkeypatch.setattr(exchanging, "trust_rule_for", found_and_ended)
    assert exchange(github.sign(github.claims())).json()["code"] == "oidc_not_trusted"
    assert not ApiToken.objects.filter(trust_rule=trusted).exists()
    assert not UsedIdentity.objects.exists()


def test_jobs_that_nobody_trusts_are_soon_told_to_come_back_and_not_recorded_any_more(
    trusted: TrustRule, github: Issuer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_own", Buckets())
    settings.RATES = {**settings.RATES, "attempt": (1, 3)}
    strange = github.sign(github.claims(**UNTRUSTED["a fork that pushes"]))
    answers = [exchange(strange) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 3 + [429] * 3
    assert AuditEvent.objects.filter(code="oidc_not_trusted").count() == 3


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


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"issuer": "https://elsewhere.example.com"}, "SLIPWAY_CI_ISSUERS"),
        ({"events": ["pull_request"]}, "push"),
        ({"events": ["web"]}, "push"),
        ({"events": []}, "push"),
        ({"scopes": {Scope.TENANCY_WRITE}}, "catalog:read"),
        ({"scopes": set()}, "catalog:read"),
        ({"project": None}, "team or a project"),
        ({"team": "shop"}, "team or a project"),
        ({"ref_pattern": ""}, "ref or an environment"),
        ({"user": "owner"}, "no active service"),
    ],
)
def test_a_rule_that_would_trust_too_much_is_refused(
    github: Issuer, service: User, people: People, changed: dict[str, Any], word: str
) -> None:
    meant = {"shop": people.shop, "owner": people.owner.user}
    said = {name: meant.get(value, value) if isinstance(value, str) else value for name, value in changed.items()}
    with pytest.raises(TrustRuleRefusedError, match=word):
        rule_make(github, service, **{"project": people.checkout, **said})
    assert not TrustRule.objects.exists()


@pytest.mark.parametrize("column", ["ref_pattern = 'refs/heads/*'", "repository_id = '5'", "disabled_at = NULL"])
def test_a_rule_never_changes(trusted: TrustRule, column: str) -> None:
    if "disabled_at" in column:
        trust_rule_disable(rule=trusted, caller=TESTS)
    with pytest.raises(IntegrityError, match="only ever switched off"), connection.cursor() as raw:
        raw.execute(f"UPDATE trust_rule SET {column}")


@pytest.mark.parametrize("pattern", ["main", "refs/heads/ma*n", "*", "refs/*", "refs/pull/1/merge"])
def test_the_database_takes_no_ref_that_means_more_than_branches_or_tags(
    github: Issuer, service: User, people: People, pattern: str
) -> None:
    with pytest.raises(IntegrityError, match="trust_rule_ref_is_whole"), transaction.atomic():
        rule_make(github, service, project=people.checkout, ref_pattern=pattern)
