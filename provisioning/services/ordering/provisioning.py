"""A new resource is ordered: judged from caches, then written by one statement (``submit.sql``)."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError, IntegrityError, OperationalError

from catalog.selectors.connections import connection_for
from catalog.selectors.orderables import NotOrderableError, Orderable, orderable_get
from governance.services.policies import Decision, Verdict, policy_decision_columns
from governance.services.quota_limits import quotas_ensure
from governance.services.quotas import quota_findings
from platform_api.core import clock, row_scope, tracing
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError, RequestRefusedError, UnavailableError
from platform_api.core.failpoints import failpoint
from platform_api.core.ids import Prefix, new_id, show
from platform_api.core.keeping import Kept
from platform_api.core.shapes import Cost
from platform_api.core.statements import statement_run
from platform_api.idempotency.services.keys import IdempotencyInProgressError, is_in_progress
from platform_api.tenancy.models.roles import Right
from platform_api.tenancy.selectors.projects import right_require
from provisioning.models.generations import ENVIRONMENTS
from provisioning.models.runs import RUN_FORMAT
from provisioning.selectors.places import Place, PlaceUnknownError, place_get, place_project_get
from provisioning.selectors.quotas import amounts_of
from provisioning.selectors.shapes import (
    ApprovalsShape,
    OrderedShape,
    RequesterShape,
    RequestShape,
    ResourceLinkShape,
    request_url,
    resource_url,
    run_link,
)
from provisioning.services.environments.ensuring import environment_default_ensure
from provisioning.services.ordering.asks import Answer, Exchange, NewResource
from provisioning.services.ordering.judging import (
    decision_audited,
    decisions_shown,
    denied_refuse,
    expiry_judge,
    parameters_judge,
    policy_ask,
)
from provisioning.services.ordering.naming import physical_name_make
from provisioning.services.ordering.repeating import answer_repeated
from provisioning.states import Operation, RequestStatus, RunStatus

SUBMIT = Path(__file__).with_name("submit.sql").read_text(encoding="utf-8")
REFUSED = "SW001"
"""SQLSTATE of ``refuse_unless``."""

TRIES = 3
"""How often an order is written that a quota refuses and, looked at a moment later, does not."""

PlaceKey = tuple[Hashable, str, str]
"""What the caller sees, and what is meant by which project and environment."""

Quotas = Mapping[str, UUID]
"""Those that an order takes from: ``project_points``, ``project_count``, ``team_points``, ``team_count``."""

_places: Kept[PlaceKey, Place] = Kept(setting="PLACE_AGE_SECONDS", generation=ENVIRONMENTS)
_quota_ids: Kept[tuple[UUID, str], Quotas] = Kept(setting="PLACE_AGE_SECONDS")
_QUOTA_PLACE = b'"quota":[]'


class NameTakenError(ConflictError):
    """Something in this environment has the name already."""

    code = "name_taken"
    title = "The name is taken"
    remedy = "Choose another name, or update the resource that has it."


class QuotaContendedError(UnavailableError):
    """So many take from and give back to a quota that no two looks at it agree."""

    code = "unavailable"
    title = "The service cannot answer right now"
    remedy = "Try again as Retry-After says."


@dataclass(frozen=True, kw_only=True)
class _Submission:
    """An ask that was judged and may be written."""

    ask: NewResource
    exchange: Exchange
    place: Place
    orderable: Orderable
    parameters: dict[str, Any]
    decision: Decision
    connection_id: UUID
    pool: str
    request_id: UUID
    resource_id: UUID
    run_id: UUID


def resource_order(*, ask: NewResource, exchange: Exchange) -> Answer:
    """Order a new resource; accepted means that its rows are there.

    A refusal of any kind looks for a stored answer first: what was accepted under this key stays accepted, though by
    now the quota may be used up, by this very order.

    Args:
        ask: What is wanted.
        exchange: Who asks, and under which key.

    Raises:
        RequestRefusedError, NotOrderableError, PlaceUnknownError: Something is wrong with it; all findings are told.
        RoleMissingError: The caller may not order there.
        NameTakenError: The environment has something of this name.
        IdempotencyMismatchError: The key was used for another order.
        IdempotencyInProgressError: An order with this key is being written, and takes its time.
        ConnectionMissingError: The platform has no target for it.
        QuotaContendedError: The quota changed each time that it was looked at.
    """
    try:
        return _order(ask, exchange)
    except Exception:
        repeated = answer_repeated(exchange)
        if repeated is None:
            raise
        return repeated


def _order(ask: NewResource, exchange: Exchange) -> Answer:
    """Judge and write; what the statement refuses is judged again, on facts that are looked up and not remembered."""
    tenant = None
    for _ in range(TRIES):
        submission = _judge(ask, exchange)
        tenant = submission.place.tenant
        body = _execute(submission)
        if body is not None:
            failpoint("api.after_commit")
            location, outdated = request_url(submission.request_id), submission.orderable.outdated
            return Answer(body=body.encode(), location=location, outdated=outdated)
        repeated = answer_repeated(exchange)
        if repeated is not None:
            return repeated
        _forget(submission)
        findings = quota_findings(facts=submission.place.facts, amounts=_amounts(submission.orderable))
        if findings:
            raise RequestRefusedError(errors=findings, tenant=tenant)
        # The environment has changed, or what was lacking was given back between the statement and the look at it.
    raise QuotaContendedError(tenant=tenant)


def _judge(ask: NewResource, exchange: Exchange) -> _Submission:
    place = _place(ask, exchange.caller)
    try:
        orderable = orderable_get(offering=ask.offering, plan=ask.plan, version=ask.version)
    except NotOrderableError as error:
        error.tenant = place.tenant
        raise
    expiry_judge(orderable, place)
    parameters = parameters_judge(orderable, ask.parameters, tenant=place.tenant)
    decision = policy_ask(
        exchange.caller,
        operation=Operation.PROVISION.value,
        orderable=orderable,
        place=place,
        parameters=parameters,
        name=ask.name,
        reason=ask.reason,
        ticket=ask.ticket,
    )
    denied_refuse(decision, place=place, amounts=_amounts(orderable))
    target = connection_for(kind=orderable.connection_kind, tier=place.tier, team_id=place.project.team_id)
    return _Submission(
        ask=ask,
        exchange=exchange,
        place=place,
        orderable=orderable,
        parameters=parameters,
        decision=decision,
        connection_id=target.pk,
        pool=target.pool,
        request_id=new_id(),
        resource_id=new_id(),
        run_id=new_id(),
    )


def _amounts(orderable: Orderable) -> dict[str, int]:
    return amounts_of(points=orderable.points, kind=orderable.kind)


def _place(ask: NewResource, caller: Caller) -> Place:
    """Return where it is ordered, looked up or remembered; the statement refuses if it is not like this any more."""
    place = _places.get(_place_key(ask, caller), lambda: _place_look_up(ask, caller))
    project = place.project
    right_require(caller=caller, right=Right.ORDER, team_id=project.team_id, project_id=project.pk, where=project.slug)
    return place


def _place_key(ask: NewResource, caller: Caller) -> PlaceKey:
    return caller.sight, ask.project, ask.environment


def _place_look_up(ask: NewResource, caller: Caller) -> Place:
    project = place_project_get(caller=caller, project=ask.project, right=Right.ORDER)
    try:
        return place_get(project=project, environment=ask.environment)
    except PlaceUnknownError:
        environment_default_ensure(project=project, name=ask.environment)
        return place_get(project=project, environment=ask.environment)


def _quotas(place: Place, orderable: Orderable) -> Quotas:
    """Return the ids of the quotas that an order takes from; such a row stays for as long as there is the project."""

    def look_up() -> Quotas:
        rows = quotas_ensure(facts=place.facts, kinds=_amounts(orderable))
        return {f"{quota.scope_type}_{quota.kind.partition(':')[0]}": quota.pk for quota in rows}

    return _quota_ids.get((place.project.pk, orderable.kind), look_up)


def _forget(submission: _Submission) -> None:
    """Look up anew, next time, what the statement may have found to be otherwise."""
    _places.forget(_place_key(submission.ask, submission.exchange.caller))
    _quota_ids.forget((submission.place.project.pk, submission.orderable.kind))


def _execute(submission: _Submission) -> str | None:
    """Write the order and return its answer; None where a quota, the key or the place forbids it."""
    parameters = _parameters(submission)
    try:
        with row_scope.carried():
            ((body, _),) = statement_run(SUBMIT, parameters)
    except IntegrityError as error:
        if "resource_name_is_taken_once" not in str(error):
            raise
        place, name = submission.place, submission.ask.name
        msg = f"Environment {place.environment} of project {place.project.slug} has a resource {name} already."
        raise NameTakenError(msg, tenant=place.tenant) from error
    except OperationalError as error:
        if not is_in_progress(error):
            raise
        raise IdempotencyInProgressError from error
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) != REFUSED:
            raise
        return None
    return str(body)


def _parameters(submission: _Submission) -> dict[str, Any]:
    """Return the statement's parameters; a test compares their names with those that it uses."""
    quotas = _quotas(submission.place, submission.orderable)
    ask, place, orderable = submission.ask, submission.place, submission.orderable
    caller, key, verdict = submission.exchange.caller, submission.exchange.order_key, submission.decision.verdict
    at, parameters = clock.now(), _json(submission.parameters)
    decisions, results = _verdict_texts(verdict)
    columns = policy_decision_columns(
        decision=submission.decision,
        subject_type="provisioning_request",
        subject_id=submission.request_id,
        project_id=place.project.pk,
    )
    head, tail = msgspec.json.encode(_shape(submission, at)).split(_QUOTA_PLACE, 1)
    return {
        **caller.row_scope.values,
        "caller_id": caller.id,
        "caller_name": caller.name,
        "caller_kind": caller.kind.value,
        "on_behalf_of": caller.on_behalf_of or "",
        "token_id": caller.token_id,
        "auth_method": caller.auth_method,
        "ip": caller.ip,
        "correlation_id": caller.correlation_id,
        "traceparent": tracing.traceparent(),
        "trace_id": tracing.trace_id(),
        "key": key.key,
        "fingerprint": key.fingerprint,
        "location": request_url(submission.request_id),
        "answer_head": (head + b'"quota":').decode(),
        "answer_tail": tail.decode(),
        "points": orderable.points,
        **quotas,
        **{f"{quota}_entry": new_id() for quota in quotas},
        "request_id": submission.request_id,
        "resource_id": submission.resource_id,
        "run_id": submission.run_id,
        "run_format": RUN_FORMAT,
        "event_id": new_id(),
        "team_id": place.project.team_id,
        "project_id": place.project.pk,
        "environment_id": place.environment_id,
        "offering_version_id": orderable.version_id,
        "plan_id": orderable.plan_id,
        "connection_id": submission.connection_id,
        "pool": submission.pool,
        "name": ask.name,
        "kind": orderable.kind,
        "physical_name": physical_name_make(
            project=place.project.slug,
            environment=place.environment,
            name=ask.name,
            resource_id=submission.resource_id,
        ),
        "parameters": parameters,
        "expires_at": place.expires_at,
        "reason": ask.reason,
        "ticket": ask.ticket,
        "decisions": decisions,
        "audited": _json(_audited(submission)),
        "judged": _json(decision_audited(verdict, columns["id"])),
        "at": at,
        "policy_decision_id": columns["id"],
        "set_id": columns["set_id"],
        "set_version": columns["set_version"],
        "set_digest": columns["set_digest"],
        "policy_outcome": columns["outcome"],
        "policy_results": results,
        "input_digest": columns["input_digest"],
        "input_sealed": columns["input_sealed"],
        "milliseconds": columns["milliseconds"],
    }


@lru_cache(maxsize=1024)
def _verdict_texts(verdict: Verdict) -> tuple[str, str]:
    """Return a verdict as JSON: as the request shows it, and as the decision's row keeps it."""
    return _json(decisions_shown(verdict)), _json(verdict.columns["results"])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _audited(submission: _Submission) -> dict[str, Any]:
    orderable, place = submission.orderable, submission.place
    return {
        "operation": Operation.PROVISION.value,
        "offering": orderable.offering,
        "version": orderable.version,
        "plan": orderable.plan,
        "environment": place.environment,
        "resource": show(Prefix.RESOURCE, submission.resource_id),
        "run": show(Prefix.RUN, submission.run_id),
        "parameters": submission.parameters,
        "ticket": submission.ask.ticket,
    }


def _shape(submission: _Submission, at: Any) -> RequestShape:
    ask, orderable, caller = submission.ask, submission.orderable, submission.exchange.caller
    return RequestShape(
        id=show(Prefix.PROVISIONING_REQUEST, submission.request_id),
        operation=Operation.PROVISION.value,
        status=RequestStatus.FULFILLING.value,
        offering=OrderedShape(slug=orderable.offering, version=orderable.version, plan=orderable.plan),
        project=submission.place.project.slug,
        environment=submission.place.environment,
        resource=ResourceLinkShape(
            id=show(Prefix.RESOURCE, submission.resource_id),
            name=ask.name,
            url=resource_url(submission.resource_id),
        ),
        run=run_link(submission.run_id, RunStatus.PENDING.value),
        quota=[],
        parameters=submission.parameters,
        cost=Cost.of(orderable.monthly_amount, orderable.currency),
        decisions=decisions_shown(submission.decision.verdict),
        approvals=ApprovalsShape(needed=[], given=[]),
        reason=ask.reason,
        ticket=ask.ticket,
        requested_by=RequesterShape(kind=caller.kind.value, name=caller.name, on_behalf_of=caller.on_behalf_of),
        failure=None,
        created_at=at,
        completed_at=None,
    )
