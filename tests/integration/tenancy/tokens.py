"""Tokens as their owners have them over the API."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse

from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models import ApiToken
from platform_api.tenancy.models.scopes import ALL
from platform_api.tenancy.selectors.tokens import token_used
from platform_api.tenancy.services.tokens import token_issue
from tests import databases
from tests.people import TESTS, Person

TOKENS = "/api/v1/tokens"
DAY = timedelta(days=1)


def narrow(person: Person, **narrowed: Any) -> Person:
    """Return the person with a token that reaches less far."""
    issued = token_issue(user=person.user, name="narrow", caller=TESTS, **{"scopes": ALL, **narrowed})
    return Person(person.user, issued.secret)


def token_of(person: Person) -> ApiToken:
    """Return the token that a person calls with."""
    used = token_used(caller=person.caller)
    assert used is not None
    return used


def make(person: Person, *, key: str | None = None, **members: Any) -> Any:
    """Ask for a token; returns the answer."""
    headers = {} if key is None else {"Idempotency-Key": f'"{key}"'}
    body = {"name": "made", "scopes": ["catalog:read"], **members}
    return person.client.post(TOKENS, body, format="json", headers=headers)


def address(token: ApiToken) -> str:
    """Return where a token is shown."""
    return f"{TOKENS}/{show(Prefix.API_TOKEN, token.pk)}"


def findings(answer: HttpResponse) -> set[tuple[str, str]]:
    """Return pointers and codes of what a refused call is told."""
    body = answer.json()  # type: ignore[attr-defined] # of the test client
    assert (answer.status_code, body["code"]) == (422, "request_refused"), body
    return {(each["pointer"], each["code"]) for each in body["errors"]}


def rows() -> dict[str, str]:
    """Return what a refusal must leave as it is."""
    return databases.contents(without={"audit_event"})
