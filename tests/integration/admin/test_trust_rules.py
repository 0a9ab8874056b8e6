"""Trust rules on the admin site."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from platform_api.core.ids import Prefix
from platform_api.tenancy.models import TrustRule
from tests import trust
from tests.integration.admin.forms import add, change, is_done, newest_events, only_event
from tests.integration.admin.site import browser, contents, page_of, text_of
from tests.people import People

pytestmark = pytest.mark.django_db
RULES = "Trust rules"


@pytest.fixture
def form(people: People, settings: Settings) -> dict[str, Any]:
    settings.CI_ISSUERS = trust.ISSUERS
    return {
        "issuer": trust.GITHUB.url,
        "repository_id": "1296269",
        "repository": "shop/orders",
        "ref_pattern": "refs/heads/preview-*",
        "events": ["push", "workflow_dispatch"],
        "owner": trust.service().username,
        "project": people.checkout.slug,
        "scopes": ["requests:read", "requests:write"],
        "needs_protected_ref": "on",
    }


def test_a_rule_is_made_and_switched_off_once(admin: Client, people: People, form: dict[str, Any]) -> None:
    assert is_done(add(admin, RULES, **form))
    rule = TrustRule.objects.get()
    assert (rule.ref_pattern, rule.needs_protected_ref, rule.project) == (
        "refs/heads/preview-*",
        True,
        people.checkout,
    )
    event = only_event("trust_rule.created", people)
    assert (event.object_id, event.project_id, event.team_id) == (rule.pk, people.checkout.pk, people.shop.pk)
    page = text_of(admin.get(page_of(RULES, Prefix.TRUST_RULE, rule.pk)))
    assert "refs/heads/preview-*" in page
    assert "1296269" in page
    assert is_done(change(admin, RULES, Prefix.TRUST_RULE, rule, is_sure="on"))
    assert change(admin, RULES, Prefix.TRUST_RULE, rule, is_sure="on").status_code == 409
    rule.refresh_from_db()
    assert rule.disabled_at is not None
    assert [each.action for each in newest_events()] == ["trust_rule.created", "trust_rule.disabled", "call.refused"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"issuer": "https://elsewhere.example.com"}, "Select a valid choice."),
        ({"repository_id": "shop/orders"}, "Use the number of the repository, not its name."),
        ({"repository_id": "0"}, "Use the number of the repository, not its name."),
        ({"ref_pattern": "main"}, "Use a whole ref"),
        ({"ref_pattern": "refs/heads/*-preview"}, "Use a whole ref"),
        ({"ref_pattern": "refs/pull/*"}, "Use a whole ref"),
        ({"ref_pattern": ""}, "Name a ref or an environment"),
        ({"events": ["pull_request"]}, "Select a valid choice."),
        ({"events": ["web"]}, "Jobs of github are trusted that one of these set off"),
        ({"scopes": ["tenancy:write"]}, "Select a valid choice."),
        ({"owner": "owner"}, "owner is no active service"),
        ({"owner": "nobody"}, "There is no user nobody."),
        ({"team": "shop"}, "not both"),
        ({"project": ""}, "not neither"),
    ],
)
def test_a_rule_that_is_not_sound_is_refused_and_told_why(
    admin: Client, people: People, form: dict[str, Any], changed: dict[str, Any], problem: str
) -> None:
    assert people.owner.user.username == "owner"
    admin.get("/admin/")
    before = contents()
    answer = add(admin, RULES, **{**form, **changed})
    assert answer.status_code == 200
    assert problem in text_of(answer)
    after = contents()
    assert {table for table in after if after[table] != before[table]} <= {"audit_event"}


def test_an_auditor_makes_no_rule_and_switches_none_off(people: People, form: dict[str, Any]) -> None:
    rule = trust.trust_rule(user=trust.service("other"), project=people.checkout)
    auditor = browser(people.auditor.user)
    assert add(auditor, RULES, **form).status_code == 403
    assert change(auditor, RULES, Prefix.TRUST_RULE, rule, is_sure="on").status_code == 403
    assert list(TrustRule.objects.values_list("pk", "disabled_at")) == [(rule.pk, None)]
