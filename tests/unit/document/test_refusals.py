"""An operation tells of every refusal that its code can make, as far as the code can be read."""

from typing import Any

import pytest

from platform_api.core.errors import SlipwayError
from platform_api.core.http.problem_pages import problems_known
from tests.unit.document.endpoints import Endpoint, answers, codes, endpoints
from tests.unit.document.reach import reached

ENDPOINTS = list(endpoints())

SHORT_FORMS = {"resource_update", "resource_deprovision", "credentials_rotate"}
MAKE_TOKENS = {"oidc_exchange", "token_issue", "token_rotate"}

NOT_FROM_HERE = {
    # The role is asked for where something is changed; what only looks up a project asks for none.
    "role_missing": {"project_get", "environment_list", "environment_named_get", "quota_list"},
    # Exhausted quotas are told together with all else that is in the way, as request_refused.
    "quota_exceeded": {"environment_ensure", "run_cancel"},
    # A short form is handed on as a request, but never as one for something new.
    **dict.fromkeys(("name_taken", "connection_missing", "environment_closed", "environment_closing"), SHORT_FORMS),
    # Who makes a token is there and may; one that follows on another has its life and its binding.
    "token_owner_inactive": MAKE_TOKENS,
    "token_kind_refused": MAKE_TOKENS,
    "token_life_refused": MAKE_TOKENS - {"token_issue"},
    "token_binding_refused": MAKE_TOKENS - {"token_issue"},
    # A team or project that is not there is a finding of its own.
    "not_found": {"token_issue"},
    # PUT and DELETE are safe to repeat, and need no key.
    "missing_idempotency_key": {
        *("environment_ensure", "environment_delete", "environment_named_delete", "resource_deprovision")
    },
}
"""What the code names and an operation never comes to, by code."""


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=[each.id for each in ENDPOINTS])
def test_an_operation_tells_of_every_refusal_that_its_code_makes(endpoint: Endpoint) -> None:
    found = {error.code for error in reached(endpoint.method, endpoint.view)}
    silent = {code for code, operations in NOT_FROM_HERE.items() if endpoint.id in operations}
    assert found - silent - codes(endpoint.operation) == set()


def test_every_refusal_that_is_told_has_a_page_and_the_status_of_its_answer() -> None:
    known = problems_known()
    for endpoint in ENDPOINTS:
        for status, answer in answers(endpoint.operation):
            for code in answer.get("content", {}).get("application/problem+json", {}).get("examples", ()):
                assert known[code].status == status


def test_what_a_function_calls_is_followed_to_the_error_that_it_makes() -> None:
    assert reached(_outer) == {_FoundError}


class _FoundError(SlipwayError):
    code = "found"
    title = "Found"


class _UnrelatedError(SlipwayError):
    code = "unrelated"
    title = "Unrelated"


def _outer() -> Any:
    try:
        return _inner()
    except _UnrelatedError:
        return None


def _inner() -> None:
    raise _FoundError
