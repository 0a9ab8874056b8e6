"""Asks: submitted, listed, watched."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.api.outdated import outdated_mark
from catalog.selectors.outdated import outdated_of
from platform_api.core.callers import Caller
from platform_api.core.conditions import WHATEVER, Seen
from platform_api.core.errors import RequestRefusedError
from platform_api.core.http.conditions import IF_NONE_MATCH, shown, tag_of
from platform_api.core.http.filters import Choice, Filter, between
from platform_api.core.http.shapes import body_judge, body_read, shape_response
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix
from platform_api.core.shapes import Body
from platform_api.idempotency.api.keys import KEY_PARAMETER, REPLAYED, order_key_of
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope
from provisioning.api.filters import OF_PROJECT, OF_RESOURCE
from provisioning.models import ProvisioningRequest
from provisioning.models.environments import DEFAULT_NAME
from provisioning.selectors.resources import newest_run_of, request_get, requests_visible
from provisioning.selectors.shapes import RequestShape, request_shape
from provisioning.services.ordering.asks import Answer, Change, Exchange, NewResource
from provisioning.services.ordering.changing import resource_change
from provisioning.services.ordering.provisioning import resource_order
from provisioning.states import Operation, RequestStatus

RETRY_SECONDS = 1

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


def exchange_of(request: Request, *, route: str, body: Any, seen: Seen = WHATEVER) -> Exchange:
    """Return who asks, under which key, and having seen what."""
    caller = caller_of(request)
    order_key = order_key_of(request, caller_id=known_id(caller), route=route, body=body)
    return Exchange(caller=caller, order_key=order_key, seen=seen)


def answer_response(answer: Answer) -> HttpResponse:
    """Answer 202 with the request, where to watch it, and when to look again."""
    response = shape_response(answer.body, status=202, location=answer.location, retry_after=str(RETRY_SECONDS))
    # What is shown is the request, not the resource that a short form is sent to: hence its address, and its own tag.
    response.headers["Content-Location"] = answer.location
    response.headers["ETag"] = tag_of(answer.body, prefix=Prefix.PROVISIONING_REQUEST, version=1)
    if answer.is_replay:
        response.headers[REPLAYED] = "true"
    return outdated_mark(response, answer.outdated)


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
        return requests_visible(caller=caller_of(request)).prefetch_related("runs")

    def show(self, row: ProvisioningRequest) -> RequestShape:
        """Return one request in its shape."""
        runs = sorted(row.runs.all(), key=lambda run: run.pk)
        return request_shape(row, run=runs[-1] if runs else None)

    @extend_schema(
        operation_id="request_submit",
        request=RequestBody,
        responses={202: RequestShape},
        parameters=[KEY_PARAMETER],
    )
    def post(self, request: Request) -> HttpResponse:
        """Submit an ask; what is accepted is carried out, whatever happens to this connection."""
        body = body_of(request.data)
        return answer_response(submit(body, exchange_of(request, route="requests", body=request.data)))


class RequestDetail(APIView):
    """One request."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.REQUESTS_READ}

    @extend_schema(operation_id="request_get", responses=RequestShape, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, request_id: str) -> HttpResponse:
        """Show a request, with where its run stands."""
        found = request_get(caller=caller_of(request), request=request_id)
        shape = request_shape(found, run=newest_run_of(found))
        response = shown(request, shape, prefix=Prefix.PROVISIONING_REQUEST, version=found.version)
        return outdated_mark(response, outdated_of(found.offering_version))
