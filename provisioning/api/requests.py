"""Asks: submitted, listed, watched."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec
from django.db import DatabaseError
from django.db.models import QuerySet
from django.http import HttpResponse
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.api.outdated import outdated_mark
from catalog.selectors.connections import ConnectionMissingError
from catalog.selectors.outdated import outdated_of
from platform_api.core.callers import Caller
from platform_api.core.conditions import WHATEVER, Seen
from platform_api.core.errors import RequestRefusedError, SlipwayError
from platform_api.core.failpoints import failpoint
from platform_api.core.http.conditions import IF_MATCH, IF_NONE_MATCH, seen_of, shown, tag_of
from platform_api.core.http.document.headers import OUTDATED
from platform_api.core.http.document.operations import Parameter, Raises, operation
from platform_api.core.http.filters import Choice, Filter, between
from platform_api.core.http.paging import Places
from platform_api.core.http.shapes import body_judge, body_read, shape_response
from platform_api.core.http.views import ListView
from platform_api.core.http.waiting import LOOK_AGAIN, WAIT, Held, held, wait_seconds
from platform_api.core.ids import Prefix, UnknownIdError, parse
from platform_api.core.shapes import Body
from platform_api.idempotency.api.keys import KEY_PARAMETER, REPLAYED, order_key_of
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.selectors.projects import RoleMissingError
from platform_api.tenancy.selectors.sight import Sight
from provisioning.api.filters import OF_PROJECT, OF_RESOURCE, project_places
from provisioning.models import ProvisioningRequest
from provisioning.models.environments import DEFAULT_NAME
from provisioning.selectors.resources import request_get, requests_seen
from provisioning.selectors.shapes import RequestShape, request_shape
from provisioning.services.environments.ensuring import EnvironmentClosedError, EnvironmentClosingError
from provisioning.services.ordering.asks import Answer, Change, Exchange, NewResource, Retry
from provisioning.services.ordering.changing import (
    DeleteProtectedError,
    PartOfEnvironmentError,
    ResourceBusyError,
    ResourceGoneError,
    resource_change,
)
from provisioning.services.ordering.provisioning import NameTakenError, QuotaContendedError, resource_order
from provisioning.services.ordering.retrying import RequestNotFailedError, RequestOvertakenError, request_retry
from provisioning.services.resources import CredentialsNoneError, CredentialsNotReadyError, NotOwnerError
from provisioning.states import FINAL_REQUEST, Operation, RequestStatus

Slug = Annotated[str, Meta(min_length=1, max_length=100)]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$",
        max_length=40,
        description="2 to 40 of a-z, 0-9, hyphen; begins with a letter, does not end with a hyphen.",
    ),
]
Reason = Annotated[str, Meta(max_length=2000, description="Why, in your own words; auditors read it.")]
Ticket = Annotated[str, Meta(min_length=1, max_length=100, description="Where it is tracked, e.g. SHOP-142.")]


class RequestBody(Body):
    """An ask: a new resource, or a change of one that is there."""

    operation: Literal["provision", "update", "rotate", "deprovision"]
    offering: Annotated[Slug, Meta(description="provision: slug of the offering.")] | None = None
    version: Annotated[Slug, Meta(description="Number; without it the newest, or the present one.")] | None = None
    plan: Annotated[Slug, Meta(description="provision: slug of the plan; update: the plan to change to.")] | None = None
    project: Annotated[Slug, Meta(description="provision: slug or id of the project.")] | None = None
    environment: Annotated[Slug, Meta(description="provision: name or id; without it default.")] | None = None
    name: Name | None = None
    resource: Annotated[Slug, Meta(description="update, rotate, deprovision: id of the resource.")] | None = None
    confirm: Annotated[Slug, Meta(description="deprovision: the resource's name, repeated.")] | None = None
    parameters: dict[str, Any] = {}
    reason: Reason = ""
    ticket: Ticket | None = None


CONFIRM = Parameter(
    "confirm",
    {"type": "string", "minLength": 1, "maxLength": 40},
    required=True,
    description="The name of what is to go, repeated.",
)

CHANGE_REFUSED: Raises = (UnknownIdError, RoleMissingError, ResourceGoneError, ResourceBusyError)
UPDATE_REFUSED: Raises = CHANGE_REFUSED
ROTATE_REFUSED: Raises = (*CHANGE_REFUSED, NotOwnerError, CredentialsNoneError, CredentialsNotReadyError)
DEPROVISION_REFUSED: Raises = (*CHANGE_REFUSED, PartOfEnvironmentError, DeleteProtectedError)
PROVISION_REFUSED: Raises = (
    *(RoleMissingError, NameTakenError, ConnectionMissingError, QuotaContendedError),
    *(EnvironmentClosedError, EnvironmentClosingError),
)
"""What an ask is refused with, by its operation."""
RETRY_REFUSED: Raises = (
    *ROTATE_REFUSED,
    *(PartOfEnvironmentError, DeleteProtectedError, EnvironmentClosingError),
    *(RequestNotFailedError, RequestOvertakenError),
)
"""What a retry of any operation is refused with."""

SUBMITTED_WITH = ("Location", "Content-Location", "ETag", REPLAYED, *OUTDATED)
"""Headers of the answer to an ask."""

_NEEDED: dict[str, tuple[str, ...]] = {
    Operation.PROVISION: ("offering", "plan", "project", "name"),
    Operation.UPDATE: ("resource",),
    Operation.ROTATE: ("resource",),
    Operation.DEPROVISION: ("resource",),
}
_FOREIGN: dict[str, tuple[str, ...]] = {
    Operation.PROVISION: ("resource", "confirm"),
    Operation.UPDATE: ("offering", "project", "environment", "name", "confirm"),
    Operation.ROTATE: ("offering", "version", "plan", "project", "environment", "name", "confirm", "parameters"),
    Operation.DEPROVISION: ("offering", "version", "plan", "project", "environment", "name", "parameters"),
}


def known_id(caller: Caller) -> UUID:
    """Return the id of an authenticated caller, who has one."""
    if caller.id is None:
        raise TypeError("an authenticated caller has an id")
    return caller.id


def exchange_of(request: Request, *, route: str, body: Any, seen: Seen) -> Exchange:
    """Return who asks, under which key, and having seen what."""
    caller = caller_of(request)
    order_key = order_key_of(request, caller_id=known_id(caller), route=route, body=body)
    return Exchange(caller=caller, order_key=order_key, seen=seen)


def answer_response(answer: Answer, *, request: Request, seconds: int) -> HttpResponse:
    """Answer 202 with the request, where to watch it, and when to look again; 200 once it is final.

    Args:
        answer: What was accepted, or had been.
        request: The call that asked.
        seconds: For how long the answer may be held until the request is final.
    """
    response = shape_response(answer.body, status=202, location=answer.location, **LOOK_AGAIN)
    response = _addressed(response, answer.body, location=answer.location)
    if seconds:
        # It was accepted: who cannot be told what became of it, or may not be any more, is told that.
        with suppress(DatabaseError, SlipwayError):
            response = _followed(answer, request=request, seconds=seconds)
    if answer.is_replay:
        response.headers[REPLAYED] = "true"
    return outdated_mark(response, answer.outdated)


def _followed(answer: Answer, *, request: Request, seconds: int) -> HttpResponse:
    """Hold an answer until the request is final, and show it as it is then."""
    end = _held(request, answer.location.rpartition("/")[2], seconds=seconds)
    content = msgspec.json.encode(request_shape(end.found))
    response = shape_response(content, status=200 if end.is_final else 202, location=answer.location, **end.headers)
    return _addressed(response, content, location=answer.location)


def _addressed(response: HttpResponse, content: bytes, *, location: str) -> HttpResponse:
    """Say what is shown: the request, not the resource that a short form is sent to; hence its address and own tag."""
    response.headers["Content-Location"] = location
    response.headers["ETag"] = tag_of(content)
    return response


def _held(request: Request, request_id: str, *, seconds: int) -> Held[ProvisioningRequest]:
    """Read what was asked for, and hold the answer until it has ended."""

    def read(caller: Caller) -> ProvisioningRequest:
        return request_get(caller=caller, request=request_id)

    found = read(caller_of(request))
    return held(
        found, request=request, read=read, is_final=lambda found: found.status in FINAL_REQUEST, seconds=seconds
    )


def body_of(data: Any) -> RequestBody:
    """Read an ask; what an operation needs or does not know is told together with all else.

    Raises:
        RequestRefusedError: Holds every fault.
    """
    findings = [] if not isinstance(data, dict) else _operation_findings(data)
    if findings:
        raise RequestRefusedError(errors=[*body_judge(RequestBody).judge(data), *findings])
    return body_read(RequestBody, data)


def _operation_findings(data: dict[str, Any]) -> list[dict[str, Any]]:
    operation = data.get("operation")
    if not isinstance(operation, str):
        return []
    missing = [
        {
            "pointer": f"#/{name}",
            "code": "field_missing",
            "detail": f"{name} is missing: operation {operation} needs it.",
            "remedy": "Add the field.",
        }
        for name in _NEEDED.get(operation, ())
        if data.get(name) is None
    ]
    foreign = [
        {
            "pointer": f"#/{name}",
            "code": "unknown_field",
            "detail": f"Operation {operation} has no field {name}.",
            "remedy": "Remove the field.",
        }
        for name in _FOREIGN.get(operation, ())
        if data.get(name) is not None
    ]
    return missing + foreign


def submit(body: RequestBody, exchange: Exchange) -> Answer:
    """Hand an ask to the service of its operation."""
    if body.operation == Operation.PROVISION.value:
        new = NewResource(
            offering=body.offering or "",
            plan=body.plan or "",
            version=body.version,
            project=body.project or "",
            environment=body.environment or DEFAULT_NAME,
            name=body.name or "",
            parameters=body.parameters,
            reason=body.reason,
            ticket=body.ticket,
        )
        return resource_order(ask=new, exchange=exchange)
    change = Change(
        operation=body.operation,
        resource=body.resource or "",
        plan=body.plan,
        version=body.version,
        parameters=body.parameters,
        confirm=body.confirm,
        reason=body.reason,
        ticket=body.ticket,
    )
    return resource_change(ask=change, exchange=exchange)


class RequestList(ListView):
    """Requests of the caller's projects."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.REQUESTS_READ, "POST": Scope.REQUESTS_WRITE}
    noun = "request"
    shape = RequestShape
    filters: ClassVar[Mapping[str, Filter]] = {
        "project": OF_PROJECT,
        "resource": OF_RESOURCE,
        "status": Choice(description="Where it stands.", lookup="status", choices=tuple(RequestStatus.values)),
        "operation": Choice(description="What it asks for.", lookup="operation", choices=tuple(Operation.values)),
        **between("created_at", name="created"),
    }

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return visible requests."""
        return requests_seen(Sight.of(caller_of(request)))

    def places(self, request: Request) -> Sequence[Places]:
        """Return the projects that the caller sees."""
        return project_places(request)

    def show(self, row: ProvisioningRequest) -> RequestShape:
        """Return one request in its shape."""
        return request_shape(row)

    @operation(
        "request_submit",
        request=RequestBody,
        responses={200: RequestShape, 202: RequestShape},
        parameters=[IF_MATCH, KEY_PARAMETER, WAIT],
        raises=(*UPDATE_REFUSED, *ROTATE_REFUSED, *DEPROVISION_REFUSED, *PROVISION_REFUSED),
        headers=SUBMITTED_WITH,
    )
    def post(self, request: Request) -> HttpResponse:
        """Submit an ask; what is accepted is carried out, whatever happens to this connection.

        ``operation`` says what is asked for. ``provision`` needs ``offering``, ``plan``, ``project`` and ``name``; what
        ``parameters`` there are says the offering. ``update`` needs ``resource``, and what shall be otherwise.
        ``rotate`` needs ``resource``, and replaces its credentials. ``deprovision`` needs ``resource``, and its name
        once more in ``confirm``. What names a ``resource`` may say in ``If-Match`` which state of it was seen.

        Schema, policies and quota judge it at once, and all findings come together: 422 means that nothing was
        changed. After 202, ask for ``Location`` until ``status`` is final: ``completed``, ``failed``, ``canceled``.
        """
        seconds, body = wait_seconds(request), body_of(request.data)
        seen = seen_of(request, prefix=Prefix.RESOURCE)
        answer = submit(body, exchange_of(request, route="requests", body=request.data, seen=seen))
        response = answer_response(answer, request=request, seconds=seconds)
        failpoint("api.before_answer")
        return response


class RequestDetail(APIView):
    """One request."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.REQUESTS_READ}

    @operation("request_get", responses={200: RequestShape}, parameters=[IF_NONE_MATCH, WAIT], headers=OUTDATED)
    def get(self, request: Request, request_id: str) -> HttpResponse:
        """Show a request, with where its run stands."""
        end = _held(request, request_id, seconds=wait_seconds(request))
        response = shown(request, request_shape(end.found), headers=end.headers)
        return outdated_mark(response, outdated_of(end.found.offering_version))


class RetryBody(Body):
    """Why it is asked for again; what is left out is the request's own."""

    reason: Reason = ""
    ticket: Ticket | None = None


class RequestRetry(APIView):
    """Asks again for what came to nothing."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.REQUESTS_WRITE}

    @operation(
        "request_retry",
        request=RetryBody,
        responses={200: RequestShape, 202: RequestShape},
        parameters=[KEY_PARAMETER, WAIT],
        raises=RETRY_REFUSED,
        headers=SUBMITTED_WITH,
    )
    def post(self, request: Request, request_id: str) -> HttpResponse:
        """Ask again for what a request came to nothing with: a new request for the same resource.

        It has the operation, the parameters, the plan and the version of the one that failed or was canceled, also
        where these can be ordered no longer, and goes on with what is there already: a ``provision`` that left
        something is finished by an ``update``. Policies and quota are asked anew.

        Only the newest request of a resource is retried, and only while something is left of the resource: where a
        first ``provision`` left nothing, order it again.
        """
        parse(Prefix.PROVISIONING_REQUEST, request_id)  # what can be no id is not found; it is no fault of a body
        body, seconds = body_read(RetryBody, request.data), wait_seconds(request)
        asked = {"operation": "retry", "request": request_id, "reason": body.reason, "ticket": body.ticket}
        exchange = exchange_of(request, route="requests", body=asked, seen=WHATEVER)
        ask = Retry(request=request_id, reason=body.reason, ticket=body.ticket)
        return answer_response(request_retry(ask=ask, exchange=exchange), request=request, seconds=seconds)
