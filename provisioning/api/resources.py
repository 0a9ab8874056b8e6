"""Resources: listed, read, given back, and their credentials shown once and rotated."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.selectors.offerings import newest_version, newest_versions
from platform_api.core.http.shapes import body_read, shape_response
from platform_api.core.http.views import ListView
from platform_api.core.http.waiting import WAIT, wait_seconds
from platform_api.core.ids import Prefix, parse
from platform_api.core.shapes import Body, Shape
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.selectors.sight import Sight
from provisioning.api.requests import Reason, Ticket, answer_response, body_of, exchange_of, submit
from provisioning.models import Resource
from provisioning.selectors.resources import resource_get, resources_seen
from provisioning.selectors.shapes import RequestShape, ResourceShape, resource_shape
from provisioning.services.resources import credentials_reveal

SUBMITTED = {200: RequestShape, 202: RequestShape}
"""What an ask is answered with: final, for who waited for that, or accepted."""


def _newest(resource: Resource) -> str:
    return newest_version(resource.offering_version.offering_id) or resource.offering_version.version


def _submit(request: Request, data: dict[str, Any]) -> HttpResponse:
    """Hand a short form to the service as the request that it stands for."""
    parse(Prefix.RESOURCE, data["resource"])  # what can be no id is not found; it is no fault of a body
    seconds = wait_seconds(request)
    answer = submit(body_of(data), exchange_of(request, route="requests", body=data))
    return answer_response(answer, caller=caller_of(request), seconds=seconds)


class ResourceList(ListView):
    """Resources of the caller's projects."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.RESOURCES_READ}
    noun = "resource"
    shape = ResourceShape
    filters: ClassVar[dict[str, str]] = {
        "project": "Slug of the project.",
        "environment": "Name of the environment.",
        "status": "Where it stands.",
        "kind": "E.g. database.",
        "name": "Its name.",
    }

    def find(self, request: Request, **filters: str) -> QuerySet[Any]:
        """Return visible resources, narrowed where asked."""
        columns = {"project": "project__slug", "environment": "environment__name"}
        rows = resources_seen(Sight.of(caller_of(request)))
        return rows.filter(**{columns.get(name, name): value for name, value in filters.items()})

    def prepare(self, rows: list[Any]) -> None:
        """Look up the newest versions of all offerings on the page at once."""
        self.newest = newest_versions({row.offering_version.offering_id for row in rows})

    def show(self, row: Any) -> ResourceShape:
        """Return one resource in its shape."""
        newest = self.newest.get(row.offering_version.offering_id, row.offering_version.version)
        return resource_shape(row, newest_version=newest)


class UpdateBody(Body):
    """A change of a resource; the short form of a request with operation ``update``."""

    plan: str | None = None
    version: str | None = None
    parameters: dict[str, Any] = {}
    reason: Reason = ""
    ticket: Ticket | None = None


class ResourceDetail(APIView):
    """One resource."""

    scopes: ClassVar[dict[str, Scope]] = {
        "GET": Scope.RESOURCES_READ,
        "PATCH": Scope.REQUESTS_WRITE,
        "DELETE": Scope.REQUESTS_WRITE,
    }

    @extend_schema(operation_id="resource_get", responses=ResourceShape)
    def get(self, request: Request, resource_id: str) -> HttpResponse:
        """Show a resource, with its outputs."""
        found = resource_get(caller=caller_of(request), resource=resource_id)
        return shape_response(resource_shape(found, newest_version=_newest(found)))

    @extend_schema(operation_id="resource_update", request=UpdateBody, responses=SUBMITTED, parameters=[WAIT])
    def patch(self, request: Request, resource_id: str) -> HttpResponse:
        """Ask for a change; the same as a request with operation ``update``."""
        body_read(UpdateBody, request.data)
        given: dict[str, Any] = dict(request.data or {})
        return _submit(request, {**given, "operation": "update", "resource": resource_id})

    @extend_schema(
        operation_id="resource_deprovision",
        request=None,
        responses=SUBMITTED,
        parameters=[
            OpenApiParameter("confirm", str, required=True, description="The resource's name, repeated."),
            WAIT,
        ],
    )
    def delete(self, request: Request, resource_id: str) -> HttpResponse:
        """Ask for the resource to be given back; the same as a request with operation ``deprovision``."""
        asked = {"operation": "deprovision", "resource": resource_id}
        confirm = request.query_params.get("confirm")
        return _submit(request, asked if confirm is None else {**asked, "confirm": confirm})


class CredentialsShown(Shape):
    """Credentials in clear; this answer is the only one that ever holds them."""

    username: str
    password: str
    uri: str


class CredentialsView(APIView):
    """The credentials of one resource."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.CREDENTIALS_REVEAL}

    @extend_schema(operation_id="credentials_reveal", request=None, responses={201: CredentialsShown})
    def post(self, request: Request, resource_id: str) -> HttpResponse:
        """Show the credentials, once; a second call is refused with 410 until they were rotated."""
        shown = credentials_reveal(caller=caller_of(request), resource=resource_id)
        answer = CredentialsShown(username=shown.username, password=shown.password, uri=shown.uri)
        return shape_response(answer, status=201, cache_control="no-store")


class RotateBody(Body):
    """Why the credentials are rotated; the short form of a request with operation ``rotate``."""

    reason: Reason = ""
    ticket: Ticket | None = None


class CredentialsRotate(APIView):
    """Gives a resource new credentials."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.REQUESTS_WRITE}

    @extend_schema(operation_id="credentials_rotate", request=RotateBody, responses=SUBMITTED, parameters=[WAIT])
    def post(self, request: Request, resource_id: str) -> HttpResponse:
        """Ask for new credentials, after which the old ones log in no more; as a request with operation ``rotate``."""
        body_read(RotateBody, request.data)
        given: dict[str, Any] = dict(request.data or {})
        return _submit(request, {**given, "operation": "rotate", "resource": resource_id})
