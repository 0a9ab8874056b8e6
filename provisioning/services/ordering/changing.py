"""A resource that is there is changed or given back: an ask on the resource's row, which is locked meanwhile.

A live run refuses an update and a rotation; a deprovision it never refuses: work that waits is superseded, work that
runs is asked to stop, and the deprovision's own run is made when it has ended.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from django.db import transaction

from catalog.selectors.orderables import NotOrderableError, Orderable, defaults_of, orderable_get, orderable_of
from catalog.selectors.outdated import outdated_of
from governance.models.quotas import POINTS
from governance.services.policies import Decision
from governance.services.quotas import QuotaExceededError, quota_change
from platform_api.core.errors import ConflictError, RequestRefusedError
from platform_api.core.failpoints import failpoint
from platform_api.core.ids import Prefix, show
from platform_api.idempotency.services.keys import StoredAnswer, answer_keep, key_claim
from platform_api.tenancy.models.roles import Right
from platform_api.tenancy.selectors.projects import right_require
from provisioning.dispatch import runs_notify
from provisioning.models import Component, ProvisioningRequest, Resource
from provisioning.selectors.places import Place
from provisioning.selectors.quotas import amounts_of
from provisioning.selectors.resources import deprovisions_live, live_run_of, request_get, resource_get
from provisioning.selectors.shapes import request_shape, request_url
from provisioning.services.execution.endings import is_unbegun, resource_lock
from provisioning.services.intents import run_make_missing
from provisioning.services.ordering.asks import Answer, Change, Exchange
from provisioning.services.ordering.deprovisioning import deprovision_accept
from provisioning.services.ordering.judging import denied_refuse, expiry_judge, parameters_judge, policy_ask
from provisioning.services.ordering.repeating import answer_repeated
from provisioning.services.ordering.requesting import generation_begin, request_write
from provisioning.services.resources import CredentialsNotReadyError, credentials_offered_require
from provisioning.states import (
    LIVE_RESOURCE,
    Desired,
    Operation,
    ResourceStatus,
)


class ResourceBusyError(ConflictError):
    """A run works on it."""

    code = "resource_busy"
    title = "The resource is being worked on"


class ResourceGoneError(ConflictError):
    """It was deprovisioned, or will be."""

    code = "already_final"
    title = "The resource is gone"
    remedy = "Order a new one: POST /api/v1/requests."


class PartOfEnvironmentError(ConflictError):
    """Others of its environment need it."""

    code = "part_of_environment"
    title = "Other components of its environment need the resource"


class DeleteProtectedError(ConflictError):
    """Its owners have protected it."""

    code = "delete_protected"
    title = "The resource is protected from deletion"
    remedy = "Take the protection away first."


def resource_change(*, ask: Change, exchange: Exchange) -> Answer:
    """Accept a change of a resource, or refuse it and change nothing.

    Args:
        ask: What is wanted.
        exchange: Who asks, and under which key.

    Raises:
        UnknownIdError: There is no such resource, or it is not the caller's to see.
        RoleMissingError, NotOwnerError: The caller may not change it, or may not rotate its credentials.
        VersionMismatchError, IfMatchMissingError: It is not as the caller has seen it, or the caller does not say.
        ResourceGoneError: It is deprovisioned, or an accepted ask wants it so.
        ResourceBusyError: An update or a rotation, while a run is live; an update of what waits for others; a
            deprovision, while another is under way.
        CredentialsNoneError: A rotation, where the offering hands out none.
        CredentialsNotReadyError: A rotation, before the resource is there.
        PartOfEnvironmentError: A deprovision of what other components need.
        DeleteProtectedError: A deprovision of what is protected.
        RequestRefusedError: Schema, policy or quota says no, or a deprovision is not confirmed.
        IdempotencyMismatchError: The key was used for another order.
        IdempotencyInProgressError: A call with this key is being carried out, and takes its time.
    """

    def write() -> ProvisioningRequest:
        return change_write(ask, exchange, resource_locked(ask, exchange))

    return change_accept(write, exchange=exchange)


def change_accept(write: Callable[[], ProvisioningRequest], *, exchange: Exchange) -> Answer:
    """Accept what is asked of a resource once for each key, and make its run if its turn has come; or change nothing.

    Args:
        write: Judges it, with the resource locked, and writes its request; it may refuse.
        exchange: Who asks, and under which key.

    Raises:
        IdempotencyMismatchError: The key was used for another order.
        IdempotencyInProgressError: A call with this key is being carried out, and takes its time.
    """
    try:
        with transaction.atomic():
            key_claim(exchange.order_key)
            request = write()
            run_make_missing(resource_id=request.resource_id, caller=exchange.caller)
            runs_notify()
            failpoint("api.after_insert")
            answer = _answer(request, exchange)
            stored = StoredAnswer(status=202, location=answer.location, body=answer.body)
            answer_keep(exchange.order_key, stored)
    except Exception:
        repeated = answer_repeated(exchange)
        if repeated is None:
            raise
        return repeated
    return answer


def change_write(ask: Change, exchange: Exchange, resource: Resource) -> ProvisioningRequest:
    """Judge a change of a resource that is locked, and write its request."""
    return _OPERATIONS[ask.operation](ask, exchange, resource)


def resource_locked(ask: Change, exchange: Exchange) -> Resource:
    """Return the resource, locked and then read; of two changes at once the second sees what the first did.

    Raises:
        UnknownIdError: There is no such resource, or it is not the caller's to see.
        RoleMissingError: The caller may not change it.
        VersionMismatchError, IfMatchMissingError: It is not as the caller has seen it, or the caller does not say.
        ResourceGoneError: It is deprovisioned.
    """
    found = resource_get(caller=exchange.caller, resource=ask.resource)
    project = found.project
    right_require(
        caller=exchange.caller,
        right=Right.ORDER,
        team_id=project.team_id,
        project_id=project.pk,
        where=project.slug,
    )
    resource_lock(found.pk)
    resource = resource_get(caller=exchange.caller, resource=ask.resource)
    if resource.status == ResourceStatus.DEPROVISIONED:
        msg = f"Resource {resource.name} is deprovisioned."
        raise ResourceGoneError(msg, tenant=resource.project.tenant)
    exchange.seen.claim(Resource.objects.filter(pk=resource.pk), tenant=project.tenant)
    return resource


def idle_require(resource: Resource) -> None:
    """Refuse to change what a run works on, or what is to go.

    Raises:
        ResourceBusyError: A run is live.
        ResourceGoneError: An accepted ask wants it gone.
    """
    live = live_run_of(resource)
    if live is not None:
        msg = f"Run {show(Prefix.RUN, live.pk)} ({live.operation}) works on it."
        raise ResourceBusyError(msg, remedy="Wait until it has ended, or cancel it.", tenant=resource.project.tenant)
    if resource.desired == Desired.ABSENT:
        msg = f"Resource {resource.name} is to be deprovisioned."
        raise ResourceGoneError(msg, tenant=resource.project.tenant)


def _update(ask: Change, exchange: Exchange, resource: Resource) -> ProvisioningRequest:
    idle_require(resource)
    if is_unbegun(resource):
        msg = f"Resource {resource.name} waits for other components of its environment."
        raise ResourceBusyError(msg, remedy="Wait until it is ready.", tenant=resource.project.tenant)
    place, version = Place.of(resource.environment, project=resource.project), resource.offering_version
    try:
        orderable = orderable_get(
            offering=version.offering.slug, plan=ask.plan or resource.plan.slug, version=ask.version or version.version
        )
    except NotOrderableError as error:
        error.tenant = place.tenant
        raise
    expiry_judge(orderable, place)
    kept = resource.parameters if orderable.plan == resource.plan.slug else _set_by_owners(resource)
    parameters = parameters_judge(orderable, ask.parameters, kept=kept, tenant=place.tenant)
    return update_write(ask, exchange, resource, orderable=orderable, parameters=parameters)


def update_write(
    ask: Change, exchange: Exchange, resource: Resource, *, orderable: Orderable, parameters: Mapping[str, Any]
) -> ProvisioningRequest:
    """Ask policies and quota about what a resource shall be, and write the request.

    Args:
        ask: Why.
        exchange: Who asks.
        resource: The resource, locked; no run works on it.
        orderable: What it will be.
        parameters: All of them, as they will be.

    Raises:
        RequestRefusedError: Policy or quota says no.
    """
    place = Place.of(resource.environment, project=resource.project)
    decision = _policy(ask, exchange, resource, place=place, orderable=orderable, parameters=parameters)
    try:
        taken = quota_change(
            facts=place.facts,
            subject_id=resource.pk,
            amounts=amounts_of(points=orderable.points, kind=resource.kind),
            caller=exchange.caller,
            reason="update",
            gives_back=False,
        )
    except QuotaExceededError as error:
        raise RequestRefusedError(errors=error.errors, tenant=place.tenant) from error
    generation_begin(resource, Desired.PRESENT)
    return request_write(
        operation=Operation.UPDATE,
        resource=resource,
        orderable=orderable,
        parameters=parameters,
        reason=ask.reason,
        ticket=ask.ticket,
        caller=exchange.caller,
        decision=decision,
        taken=taken,
        retry_of=ask.retry_of,
    )


def _set_by_owners(resource: Resource) -> dict[str, Any]:
    """Return the parameters that stay when the plan changes: all but the old plan's defaults."""
    defaults = defaults_of(version=resource.offering_version, plan=resource.plan)
    return {
        name: value for name, value in resource.parameters.items() if name not in defaults or defaults[name] != value
    }


def _rotate(ask: Change, exchange: Exchange, resource: Resource) -> ProvisioningRequest:
    """Ask for new credentials: a run of what is there already, whether or not it could still be ordered."""
    credentials_offered_require(caller=exchange.caller, resource=resource)
    idle_require(resource)
    if resource.status == ResourceStatus.PENDING:
        raise CredentialsNotReadyError(tenant=resource.project.tenant)
    present = orderable_of(version=resource.offering_version, plan=resource.plan)
    kept = resource.parameters
    place = Place.of(resource.environment, project=resource.project)
    decision = _policy(ask, exchange, resource, place=place, orderable=present, parameters=kept)
    generation_begin(resource, Desired.PRESENT)
    return request_write(
        operation=Operation.ROTATE,
        resource=resource,
        orderable=present,
        parameters=kept,
        reason=ask.reason,
        ticket=ask.ticket,
        caller=exchange.caller,
        decision=decision,
        retry_of=ask.retry_of,
    )


def _deprovision(ask: Change, exchange: Exchange, resource: Resource) -> ProvisioningRequest:
    if ask.confirm != resource.name:
        finding = {
            "pointer": "#/confirm",
            "code": "not_confirmed",
            "detail": "A deprovision is confirmed by the resource's name.",
            "remedy": f'Send "confirm": "{resource.name}"; with DELETE, add ?confirm={resource.name} to the address.',
        }
        raise RequestRefusedError(errors=[finding], tenant=resource.project.tenant)
    if resource.delete_protected:
        raise DeleteProtectedError(tenant=resource.project.tenant)
    if deprovisions_live().filter(resource=resource).exists():
        msg = f"Resource {resource.name} is being deprovisioned."
        raise ResourceBusyError(msg, remedy="Wait until it has ended.", tenant=resource.project.tenant)
    _require_unneeded(resource)
    return deprovision_accept(
        caller=exchange.caller, resource=resource, reason=ask.reason, ticket=ask.ticket, retry_of=ask.retry_of
    )


def _require_unneeded(resource: Resource) -> None:
    dependants = Component.objects.filter(needs__needed=resource.pk, resource__status__in=LIVE_RESOURCE)
    names = ", ".join(dependants.values_list("name", flat=True))
    if names:
        shown = show(Prefix.ENVIRONMENT, resource.environment_id)
        remedy = (
            f"Deprovision {names} first, or the whole with "
            f"DELETE /api/v1/environments/{shown}?confirm={resource.environment.name}."
        )
        msg = f"Resource {resource.name} is needed by: {names}."
        raise PartOfEnvironmentError(msg, remedy=remedy, tenant=resource.project.tenant)


def _policy(
    ask: Change,
    exchange: Exchange,
    resource: Resource,
    *,
    place: Place,
    orderable: Orderable,
    parameters: Mapping[str, Any],
) -> Decision:
    decision = policy_ask(
        exchange.caller,
        operation=ask.operation,
        orderable=orderable,
        place=place,
        parameters=parameters,
        name=resource.name,
        reason=ask.reason,
        ticket=ask.ticket,
        resource={
            "id": show(Prefix.RESOURCE, resource.pk),
            "plan": resource.plan.slug,
            "version": resource.offering_version.version,
            "parameters": resource.parameters,
        },
    )
    more = orderable.points - resource.plan.quota_points
    denied_refuse(decision, place=place, amounts={POINTS: more} if more > 0 else {})
    return decision


def _answer(request: ProvisioningRequest, exchange: Exchange) -> Answer:
    """Return what an accepted ask is answered, with the run that it has or waits for."""
    shown = request_get(caller=exchange.caller, request=show(Prefix.PROVISIONING_REQUEST, request.pk))
    body, outdated = msgspec.json.encode(request_shape(shown)), outdated_of(shown.offering_version)
    return Answer(body=body, location=request_url(request.pk), outdated=outdated)


_OPERATIONS: Mapping[str, Callable[[Change, Exchange, Resource], ProvisioningRequest]] = {
    Operation.UPDATE: _update,
    Operation.ROTATE: _rotate,
    Operation.DEPROVISION: _deprovision,
}
