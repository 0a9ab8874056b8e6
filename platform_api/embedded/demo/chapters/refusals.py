"""Three refusals as the caller sees them: by the schema, by a policy, by the quota."""

from typing import Any

from platform_api.embedded.demo.api import Answer
from platform_api.embedded.demo.following import requests_follow
from platform_api.embedded.demo.ordering import resources_named
from platform_api.embedded.demo.stage import OFFERING, PRODUCTION, PROJECT, REQUESTS, Stage

REPORTS = "reports"
_MOST_ORDERS = 5
"""So many large plans use up the quota that a new project has, twice over."""


def schema_refuses(stage: Stage) -> None:
    """Ask with several mistakes, and be told all of them at once."""
    name = stage.name("faulty")
    parameters = {"connection_limit": 5000, "statement_timeout": 30, "statement_timeout_seconds": "long"}
    answer = _refused(stage, _order(name, plan="small", parameters=parameters))
    findings = {finding["pointer"]: finding["code"] for finding in answer.body["errors"]}
    expected = {
        "#/parameters/connection_limit": "out_of_range",
        "#/parameters/statement_timeout": "unknown_field",
        "#/parameters/statement_timeout_seconds": "type_mismatch",
    }
    stage.see("all three mistakes are told at once", expected=expected, came=findings)
    stage.see("and nothing was ordered", expected=[], came=resources_named(stage, name))


def policy_refuses(stage: Stage) -> None:
    """Ask for a large plan where policy allows none."""
    name = stage.name("large")
    answer = _refused(stage, _order(name, plan="large"))
    findings = [(finding["code"], finding.get("policy")) for finding in answer.body["errors"]]
    stage.see(
        "the policy is named that refuses a large plan outside of production",
        expected=[("policy_denied", "large_plans_in_production")],
        came=findings,
    )
    stage.see("and nothing was ordered", expected=[], came=resources_named(stage, name))


def quota_refuses(stage: Stage) -> list[dict[str, Any]]:
    """Order large plans in production, where policy allows them, until the quota is used up.

    Returns:
        The completed requests of what was ordered before the refusal; at least one.

    Raises:
        ExpectationError: The quota does not end within five orders.
    """
    path = f"/api/v1/projects/{PROJECT}/environments/{PRODUCTION}"
    tier = stage.api.call("PUT", path, {"tier": "production"})
    stage.see(f"environment {PRODUCTION} is of tier production", expected=True, came=tier.status in {200, 201})
    accepted: list[dict[str, Any]] = []
    while len(accepted) <= _MOST_ORDERS:
        name = stage.name(f"{REPORTS}{len(accepted)}")
        body = _order(name, plan="large", environment=PRODUCTION, ticket="SHOP-143")
        before = stage.quotas()
        answer = stage.api.call("POST", REQUESTS, body)
        if answer.is_refusal:
            _show(stage, body, answer)
            codes = {finding["code"] for finding in answer.body["errors"]}
            stage.see("the quota is used up, and says so", expected={"quota_exceeded"}, came=codes)
            stage.see("nothing was ordered", expected=[], came=resources_named(stage, name))
            stage.see("and no quota was taken", expected=before, came=stage.quotas())
            stage.see("in production the same plan was accepted before", expected=True, came=bool(accepted))
            return accepted
        if answer.status != 202:  # noqa: PLR2004 - the status of what was accepted
            raise stage.failure(f"{name} is accepted or refused", expected="202 or 422", came=answer.brief)
        stage.display.say(f"{answer.call}  ->  {answer.status}: {name}, plan large, environment {PRODUCTION}")
        accepted += requests_follow(stage, answer.body)
    raise stage.failure("the quota ends", expected=f"within {_MOST_ORDERS} large plans", came=str(stage.quotas()))


def _order(name: str, *, plan: str, **more: Any) -> dict[str, Any]:
    return {
        "operation": "provision",
        "offering": OFFERING,
        "plan": plan,
        "project": PROJECT,
        "name": name,
        "reason": "Reports that run long",
        **more,
    }


def _refused(stage: Stage, body: dict[str, Any]) -> Answer:
    answer = stage.api.call("POST", REQUESTS, body)
    _show(stage, body, answer)
    return answer


def _show(stage: Stage, body: dict[str, Any], answer: Answer) -> None:
    stage.display.document(body)
    if answer.status != 422:  # noqa: PLR2004 - the status of every refusal by schema, policy and quota
        raise stage.failure(f"{answer.call} is refused", expected="422", came=answer.brief)
    stage.remember(answer)
    stage.display.say(f"{answer.call}  ->  {answer.status}")
    stage.display.document(answer.body)
