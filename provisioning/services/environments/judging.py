"""Judgement of a composed environment: schema of all, then policies and quota of all, each told together.

Findings point into the body of the call where the cause stands there, and else to ``#/components/{name}/…``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from catalog.manifest.wiring import known_findings
from catalog.selectors.compositions import Composition, OrderableComponent, composition_get
from catalog.selectors.orderables import NotOrderableError
from governance.services.policies import Decision
from governance.services.quotas import amounts_together, quota_findings
from platform_api.core import clock
from platform_api.core.callers import Caller
from platform_api.core.errors import RequestRefusedError, Tenant
from platform_api.core.ids import new_id
from platform_api.core.judgement import Finding
from platform_api.core.pointers import pointer
from platform_api.tenancy.models import Project
from provisioning.selectors.places import Place
from provisioning.selectors.quotas import amounts_of
from provisioning.services.environments.ensuring import tier_require
from provisioning.services.ordering.judging import policy_ask
from provisioning.states import Operation

OF_COMPONENT = frozenset({"offering", "version", "plan", "name", "parameters"})
"""What a finding may point to that a body orders of each component by the manifest, and not by itself."""

OF_BODY = frozenset({"reason", "ticket"})


@dataclass(frozen=True, kw_only=True)
class EnvironmentAsk:
    """An ask for a composed environment.

    Attributes:
        offering: Slug.
        version: Number; None for the newest published one.
        ttl_seconds: How long it shall live; None for the offering's default.
        parameters: What the offering lets a caller set for the whole.
        source: Where the ask comes from, in the caller's own members.
        reason: Why, in the caller's words.
        ticket: Where it is tracked.
        may_reopen: Whether one that was given back may be followed by a new one.
    """

    offering: str
    version: str | None = None
    ttl_seconds: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    reason: str = ""
    ticket: str | None = None
    may_reopen: bool = False


@dataclass(frozen=True, kw_only=True)
class JudgedComponent:
    """A component that may be ordered.

    Attributes:
        component: What it is.
        parameters: All that are known; those that it takes of others are not.
        decision: What the policies said.
    """

    component: OrderableComponent
    parameters: dict[str, Any]
    decision: Decision

    @property
    def amounts(self) -> dict[str, int]:
        """What it takes of quotas."""
        return amounts_of(points=self.component.orderable.points, kind=self.component.orderable.kind)


@dataclass(frozen=True, kw_only=True)
class JudgedEnvironment:
    """An environment that may be ordered.

    Attributes:
        composition: What it is.
        place: Where; the id is the one that it will have.
        parameters: All of the whole.
        components: Each after those that it needs.
    """

    composition: Composition
    place: Place
    parameters: dict[str, Any]
    components: tuple[JudgedComponent, ...]


def environment_judge(*, ask: EnvironmentAsk, project: Project, name: str, caller: Caller) -> JudgedEnvironment:
    """Judge an ask as a whole; nothing is written.

    Args:
        ask: What is wanted.
        project: Where.
        name: What it shall be called there.
        caller: Who asks.

    Raises:
        NotOrderableError: The offering, or one that it names, cannot be ordered.
        RoleMissingError: It is for production, and the caller is no admin.
        RequestRefusedError: Schema, policy or quota says no; holds all findings.
    """
    try:
        composition = composition_get(offering=ask.offering, version=ask.version)
    except NotOrderableError as error:
        error.tenant = project.tenant
        raise
    tier_require(caller=caller, project=project, tier=composition.tier)
    _refuse([*_expiry_findings(ask, composition), *composition.judge.judge(dict(ask.parameters))], project.tenant)
    whole = {**composition.defaults, **ask.parameters}
    known = {component.name: _known(component, whole) for component in composition.components}
    _refuse([found for part in composition.components for found in _unfit(part, known[part.name])], project.tenant)
    place = Place(
        project=project,
        environment_id=new_id(),
        environment=name,
        tier=composition.tier,
        expires_at=_expires_at(ask, composition),
        offering=composition.offering,
    )
    return JudgedEnvironment(
        composition=composition,
        place=place,
        parameters=whole,
        components=_components(ask, composition, place=place, known=known, caller=caller),
    )


def _components(
    ask: EnvironmentAsk,
    composition: Composition,
    *,
    place: Place,
    known: Mapping[str, dict[str, Any]],
    caller: Caller,
) -> tuple[JudgedComponent, ...]:
    """Ask policies for each and quota for all, and refuse with what any of them says."""
    judged: list[JudgedComponent] = []
    findings: list[Finding] = []
    for component in composition.components:
        orderable, awaited = component.orderable, component.wires.awaited
        parameters = {**orderable.defaults, **known[component.name]}
        parameters = {name: value for name, value in parameters.items() if name not in awaited}
        decision = policy_ask(
            caller,
            operation=Operation.PROVISION.value,
            orderable=orderable,
            place=place,
            parameters=parameters,
            name=component.name,
            reason=ask.reason,
            ticket=ask.ticket,
        )
        if decision.is_denied:
            findings += _placed(component, decision.denials)
        judged.append(JudgedComponent(component=component, parameters=parameters, decision=decision))
    together = amounts_together(part.amounts for part in judged)
    findings += whole_findings(quota_findings(facts=place.facts, amounts=together))
    _refuse(findings, place.tenant)
    return tuple(judged)


def whole_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings of the whole; nothing in the body stands for the project that they point to."""
    return [{**finding, "pointer": "#"} for finding in findings]


def _refuse(findings: Iterable[Finding], tenant: Tenant) -> None:
    told = {
        (finding["pointer"], finding["detail"]): finding for finding in findings
    }  # all may say the same of the whole
    if told:
        raise RequestRefusedError(errors=list(told.values()), tenant=tenant)


def _known(component: OrderableComponent, whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a component that are set by the manifest or by the caller."""
    return {**component.parameters, **{name: whole[source] for name, source in component.wires.given.items()}}


def _unfit(component: OrderableComponent, parameters: Mapping[str, Any]) -> list[Finding]:
    findings = known_findings(component.orderable.judge, parameters, awaited=component.wires.awaited)
    return _placed(component, findings)


def _placed(component: OrderableComponent, findings: Iterable[Finding]) -> list[Finding]:
    return [_place_finding(component, finding) for finding in findings]


def _place_finding(component: OrderableComponent, finding: Finding) -> Finding:
    """Point from where one resource is ordered to where a whole environment is."""
    first, *rest = finding["pointer"].removeprefix("#").removeprefix("/").split("/")
    if first == "parameters" and rest and rest[0] in component.wires.given:
        detail = f"For component {component.name}: {finding['detail']}"
        return {**finding, "pointer": f"#/parameters/{component.wires.given[rest[0]]}", "detail": detail}
    if first in OF_COMPONENT:
        return {**finding, "pointer": "/".join([pointer(["components", component.name]), first, *rest])}
    return finding if first in OF_BODY else {**finding, "pointer": "#"}


def _expires_at(ask: EnvironmentAsk, composition: Composition) -> datetime | None:
    seconds = ask.ttl_seconds or composition.default_seconds
    return None if seconds is None else clock.now() + timedelta(seconds=seconds)


def _expiry_findings(ask: EnvironmentAsk, composition: Composition) -> list[Finding]:
    if ask.ttl_seconds is None:
        return []
    most = composition.maximum_seconds
    if most is None:
        detail, remedy = f"An environment of {composition.offering} does not expire.", "Leave ttl_seconds out."
        return [{"pointer": "#/ttl_seconds", "code": "unknown_field", "detail": detail, "remedy": remedy}]
    if ask.ttl_seconds <= most:
        return []
    detail = f"{ask.ttl_seconds} s are more than {most} s, the most that {composition.offering} allows."
    remedy = f"Send at most {most}."
    return [{"pointer": "#/ttl_seconds", "code": "out_of_range", "detail": detail, "remedy": remedy}]
