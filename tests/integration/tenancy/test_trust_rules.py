"""Which CI jobs are trusted: what a rule means, what it leaves out, and what no rule may say."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.rates import limits
from platform_api.core.rates.buckets import Buckets
from platform_api.tenancy.models import ApiToken, TrustRule, UsedIdentity, User
from platform_api.tenancy.models.identities import CiIdentity
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.selectors.trust_rules import trust_rule_for
from platform_api.tenancy.services.oidc import exchanging
from platform_api.tenancy.services.trust_rules import TrustRuleRefusedError, trust_rule_disable
from tests.integration.tenancy.issuer import Claims, Issuer
from tests.integration.tenancy.jobs import exchange, newest_told, refused, rule_make
from tests.people import TESTS, People, Person


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
