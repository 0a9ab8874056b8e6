"""Trust in CI jobs, for tests that need a rule and no CI system."""

from typing import Any

from django.test import override_settings

from platform_api.settings.components.ci import TrustedIssuer
from platform_api.tenancy.models import TrustRule, User
from platform_api.tenancy.models.scopes import ORDERING
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.trust_rules import trust_rule_create
from platform_api.tenancy.services.users import user_create
from tests.people import TESTS

GITHUB = TrustedIssuer(url="https://token.actions.githubusercontent.com", kind="github", audience="slipway.test")
ISSUERS = {GITHUB.url: GITHUB}


def service(username: str = "builds") -> User:
    """Make a service without a role."""
    return user_create(username=username, kind=UserKind.SERVICE, caller=TESTS)


def trust_rule(*, user: User, **changed: Any) -> TrustRule:
    """Trust pushes to main of one repository."""
    said: dict[str, Any] = {
        "issuer": GITHUB.url,
        "repository_id": "1296269",
        "repository": "shop/orders",
        "ref_pattern": "refs/heads/main",
        "events": ["push"],
        "scopes": ORDERING,
        "caller": TESTS,
        **changed,
    }
    with override_settings(CI_ISSUERS=ISSUERS):
        return trust_rule_create(user=user, **said)
