"""Judgement of an ask: schema first and all at once; then policy and quota, told together.

Judging policy on malformed input would be guessing, so a schema's refusal comes alone.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from catalog.selectors.orderables import Orderable
from governance.engine.policy_set import Stage
from governance.models import PolicyOutcome
from governance.services.policies import Decision, Verdict, policy_decide
from governance.services.policy_input import (
    EnvironmentInput,
    MoneyInput,
    OfferingInput,
    PlanInput,
    ProjectInput,
    RequestInput,
    caller_input,
    moment,
)
from governance.services.quotas import Taken, quota_findings
from platform_api.core import clock
from platform_api.core.callers import Caller
from platform_api.core.errors import RequestRefusedError, Tenant
from platform_api.core.ids import Prefix, show
from provisioning.selectors.places import Place
from provisioning.selectors.shapes import DecisionShape


def parameters_judge(
    orderable: Orderable, given: Mapping[str, Any], *, kept: Mapping[str, Any] | None = None, tenant: Tenant
) -> dict[str, Any]:
    """Return all parameters: those given, else those kept from before, else the plan's and the module's defaults.

    Args:
        orderable: What is ordered.
        given: What the caller sets.
        kept: What an existing resource has; None for a new one.
        tenant: Whose concern a refusal is.

    Raises:
        RequestRefusedError: Some are wrong; every one is told.
    """
    parameters = {**orderable.defaults, **(kept or {}), **given}
    findings = orderable.judge.judge(parameters if kept is not None else dict(given))
    if findings:
        raise RequestRefusedError(errors=findings, tenant=tenant)
    return parameters


def expiry_judge(orderable: Orderable, place: Place) -> None:
    """Refuse what may not be ordered where it would be given back by the clock.

    Raises:
        RequestRefusedError: The offering does not allow it.
    """
    if place.expires_at is not None and not orderable.allows_ephemeral:
        finding = {
            "pointer": "#/environment",
            "code": "environment_expires",
            "detail": f"Environment {place.environment} expires, and {orderable.offering} is not for such a one.",
            "remedy": "Choose an environment that stays.",
        }
        raise RequestRefusedError(errors=[finding], tenant=place.tenant)


def policy_ask(
    caller: Caller,
    *,
    operation: str,
    orderable: Orderable,
    place: Place,
    parameters: Mapping[str, Any],
    name: str,
    reason: str,
    ticket: str | None,
    resource: Mapping[str, Any] | None = None,
) -> Decision:
    """Ask the policies of one resource, and return what they say.

    Args:
        caller: Who asks.
        operation: What is asked for.
        orderable: What it will be.
        place: Where.
        parameters: All of them, as they will be.
        name: Of the resource.
        reason: Why, in the caller's words.
        ticket: Where it is tracked.
        resource: What is there already; None for a new one.
    """
    project = place.project
    return policy_decide(
        stage=Stage.REQUEST,
        value=RequestInput(
            operation=operation,
            offering=OfferingInput(slug=orderable.offering, kind=orderable.kind, version=orderable.version),
            plan=PlanInput(
                slug=orderable.plan,
                points=orderable.points,
                monthly_cost=MoneyInput(amount=str(orderable.monthly_amount), currency=orderable.currency),
            ),
            project=ProjectInput(slug=project.slug, team=project.team.slug),
            environment=EnvironmentInput(
                name=place.environment,
                tier=place.tier,
                is_ephemeral=place.expires_at is not None,
                expires_at=None if place.expires_at is None else moment(place.expires_at),
                offering=place.offering,
            ),
            parameters=dict(parameters),
            name=name,
            reason=reason,
            ticket=ticket,
            caller=caller_input(caller=caller, team_id=project.team_id, project_id=project.pk),
            now=moment(clock.now()),
            resource=None if resource is None else dict(resource),
        ),
    )


def denied_refuse(decision: Decision, *, place: Place, amounts: Mapping[str, int]) -> None:
    """Refuse what the policies deny; what quota would say too is told with it.

    Args:
        decision: What the policies said.
        place: Where.
        amounts: What it would take of quotas besides what it holds.

    Raises:
        RequestRefusedError: Holds the findings of both.
    """
    if decision.is_denied:
        quota = quota_findings(facts=place.facts, amounts=amounts)
        raise RequestRefusedError(errors=[*decision.denials, *quota], tenant=place.tenant)


@lru_cache(maxsize=1024)
def decisions_shown(verdict: Verdict) -> list[DecisionShape]:
    """Return what each policy said, in the API's shape."""
    return [
        DecisionShape(
            policy=result.id,
            set=verdict.policy_set.name,
            level=result.level.value,
            outcome=result.outcome.value,
            detail=result.detail,
        )
        for result in verdict.results
    ]


def decision_audited(verdict: Verdict, decision_id: UUID) -> dict[str, Any]:
    """Return what the audit trail says of a decision: where it is kept whole, and which policies object."""
    return {
        "decision": show(Prefix.POLICY_DECISION, decision_id),
        "set": verdict.policy_set.name,
        "outcome": verdict.outcome.value,
        "objections": msgspec.to_builtins(
            [shape for shape in decisions_shown(verdict) if shape.outcome != PolicyOutcome.ALLOW.value]
        ),
    }


def taken_shown(taken: Sequence[Taken]) -> list[dict[str, Any]]:
    """Return what was taken of each quota, in the API's shape."""
    return [
        {
            "kind": quota.kind,
            "scope": quota.scope_name,
            "requested": amount,
            "used": quota.held,
            "limit": quota.limit,
        }
        for quota, amount in taken
    ]
