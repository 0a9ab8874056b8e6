"""What came to nothing is asked for again: a new request for the same resource, judged by what holds now.

It asks for the very thing that was accepted before, with its parameters, plan and version, whether or not these could
still be ordered; policies and quota are asked anew. What the failed run left is taken up: the new one begins with the
newest state.
"""

from catalog.selectors.offerings import long_columns
from catalog.selectors.orderables import orderable_of
from platform_api.core import clock
from platform_api.core.errors import ConflictError
from platform_api.core.ids import Prefix, show
from provisioning.models import ProvisioningRequest, Resource
from provisioning.selectors.resources import request_get
from provisioning.selectors.shapes import request_url, resource_url, retry_url
from provisioning.services.environments.ensuring import EnvironmentClosingError
from provisioning.services.ordering.asks import Answer, Change, Exchange, Retry
from provisioning.services.ordering.changing import (
    change_accept,
    change_write,
    idle_require,
    resource_locked,
    update_write,
)
from provisioning.states import LIVE_REQUEST, UNFULFILLED_REQUEST, Desired, Operation


class RequestNotFailedError(ConflictError):
    """It is being carried out, or was."""

    code = "request_not_failed"
    title = "The request has not failed"


class RequestOvertakenError(ConflictError):
    """Something else was asked of the resource since; to repeat the earlier ask could undo that."""

    code = "request_overtaken"
    title = "A later request has taken the place of this one"


def request_retry(*, ask: Retry, exchange: Exchange) -> Answer:
    """Accept that what a request came to nothing with is done after all, or refuse it and change nothing.

    A ``provision`` that left something is finished by an ``update``, for the resource is there. Of several calls at
    once one makes a request; the others find it.

    Args:
        ask: Which request.
        exchange: Who asks, and under which key.

    Raises:
        UnknownIdError: There is no such request, or it is not the caller's to see.
        RoleMissingError, NotOwnerError: The caller may not change the resource, or may not rotate its credentials.
        ResourceGoneError: Nothing is left of the resource.
        RequestNotFailedError: The request is live, or it is completed.
        EnvironmentClosingError: The environment is to go, or its time is over; a deprovision goes on there.
        RequestOvertakenError: There is a newer request for the resource.
        ResourceBusyError: A run works on it; a deprovision has it make way.
        CredentialsNoneError, CredentialsNotReadyError: A rotation, where there are no credentials.
        PartOfEnvironmentError, DeleteProtectedError: A deprovision of what is needed or protected by now.
        RequestRefusedError: Policy or quota says no by now.
        IdempotencyMismatchError: The key was used for another order.
        IdempotencyInProgressError: A call with this key is being carried out, and takes its time.
    """
    return change_accept(lambda: _write(ask, exchange), exchange=exchange)


def _write(ask: Retry, exchange: Exchange) -> ProvisioningRequest:
    asked = request_get(caller=exchange.caller, request=ask.request)
    is_begun = asked.operation == Operation.PROVISION  # and left something, for else the resource is gone
    change = Change(
        operation=Operation.UPDATE if is_begun else Operation(asked.operation),
        resource=show(Prefix.RESOURCE, asked.resource_id),
        confirm=asked.resource.name,  # as it was, when this was asked for first
        reason=ask.reason or asked.reason,
        ticket=ask.ticket or asked.ticket,
        retry_of=asked.pk,
    )
    resource = resource_locked(change, exchange)
    failed = (  # read anew under the lock: it may have ended meanwhile
        ProvisioningRequest.objects.select_related("offering_version__offering", "plan")
        .defer(*long_columns("offering_version", but=["manifest"]))
        .get(pk=asked.pk)
    )
    _failed_require(failed, resource)
    if change.operation != Operation.DEPROVISION:
        _open_require(resource)
    _newest_require(failed, resource)
    if change.operation != Operation.UPDATE:
        return change_write(change, exchange, resource)
    idle_require(resource)
    orderable = orderable_of(version=failed.offering_version, plan=failed.plan)
    return update_write(change, exchange, resource, orderable=orderable, parameters=failed.parameters)


def _failed_require(request: ProvisioningRequest, resource: Resource) -> None:
    if request.status in UNFULFILLED_REQUEST:
        return
    if request.status in LIVE_REQUEST:
        msg = "It is under way."
        remedy = f"Wait until it has ended: GET {request_url(request.pk)}?wait=30; what takes too long can be canceled."
    else:
        msg = "It is completed; there is nothing to retry."
        remedy = f"To change the resource: PATCH {resource_url(resource.pk)}."
    raise RequestNotFailedError(msg, remedy=remedy, tenant=resource.project.tenant)


def _open_require(resource: Resource) -> None:
    environment = resource.environment
    if environment.desired == Desired.ABSENT:
        msg = f"Environment {environment.name} is being given back, and {resource.name} goes with it."
    elif environment.expires_at is not None and environment.expires_at <= clock.now():
        msg = f"Environment {environment.name} has expired, and {resource.name} goes with it."
    else:
        return
    remedy = "Order it again in another environment: POST /api/v1/requests."
    raise EnvironmentClosingError(msg, remedy=remedy, tenant=resource.project.tenant)


def _newest_require(request: ProvisioningRequest, resource: Resource) -> None:
    newest = ProvisioningRequest.objects.filter(resource=resource).only("pk", "operation", "status", "generation")
    later = newest.order_by("-generation").first()
    if later is None or later.pk == request.pk:
        return
    msg = f"Request {show(Prefix.PROVISIONING_REQUEST, later.pk)} ({later.operation}) came after it: {later.status}."
    if later.status in UNFULFILLED_REQUEST:
        remedy = f"Retry that one: POST {retry_url(later.pk)}."
    elif later.status in LIVE_REQUEST:
        remedy = f"See what comes of it: GET {request_url(later.pk)}."
    else:
        remedy = f"Ask for what you want now: PATCH {resource_url(resource.pk)}."
    raise RequestOvertakenError(msg, remedy=remedy, tenant=resource.project.tenant)
