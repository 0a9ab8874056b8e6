"""CI jobs that exchange tokens, and rules that they are trusted by."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpResponse
from rest_framework.test import APIClient

from platform_api.audit.models import AuditEvent
from platform_api.tenancy.models import ApiToken, TrustRule, UsedIdentity, User
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.services.trust_rules import trust_rule_create
from tests.integration.tenancy.issuer import Issuer
from tests.people import TESTS

EXCHANGE = "/api/v1/auth/oidc/exchange"
OTHERS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SCOPES = {Scope.CATALOG_READ, Scope.REQUESTS_READ, Scope.REQUESTS_WRITE, Scope.TENANCY_READ}


def exchange(token: object, **headers: str) -> Any:
    """Exchange what a CI system has signed; returns the answer."""
    return APIClient(raise_request_exception=False).post(EXCHANGE, {"token": token}, format="json", headers=headers)


def rule_make(issuer: Issuer, service: User, /, **changed: Any) -> TrustRule:
    """Trust pushes to main of shop/orders, or what is changed of that."""
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
