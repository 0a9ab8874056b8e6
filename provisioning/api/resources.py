"""Resources: listed, read, given back, and their credentials shown once and rotated."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.api.outdated import outdated_mark
from catalog.models.offerings import OfferingKind
from catalog.selectors.offerings import newest_version, newest_versions
from catalog.selectors.outdated import outdated_of
from platform_api.core.http.conditions import IF_MATCH, IF_MATCH_REQUIRED, IF_NONE_MATCH, seen_of, shown
from platform_api.core.http.document.headers import OUTDATED
from platform_api.core.http.document.operations import operation
from platform_api.core.http.filters import Choice, Filter, Named, between
from platform_api.core.http.paging import BY_TIME, Places
from platform_api.core.http.shapes import NoBody, body_read, shape_response
from platform_api.core.http.views import ListView
from platform_api.core.http.waiting import WAIT, wait_seconds
from platform_api.core.ids import Prefix, parse
from platform_api.core.shapes import Body, Shape
from platform_api.idempotency.api.keys import KEY_OF_REPEATABLE, KEY_PARAMETER
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.selectors.sight import Sight
from provisioning.api.filters import NAMED, OF_PROJECT, project_places
from provisioning.api.requests import (
    CONFIRM,
    DEPROVISION_REFUSED,
    ROTATE_REFUSED,
    SUBMITTED_WITH,
    UPDATE_REFUSED,
    Reason,
    Slug,
    Ticket,
    answer_response,
    body_of,
    exchange_of,
    submit,
)
from provisioning.models import Resource
from provisioning.selectors.resources import resource_shown, resources_shown
from provisioning.selectors.shapes import RequestShape, ResourceShape, resource_shape
from provisioning.services.resources import (
    CredentialsNoneError,
    CredentialsNotReadyError,
    CredentialsRevealedError,
    NotOwnerError,
    credentials_reveal,
)
from provisioning.states import ResourceStatus

SUBMITTED = {200: RequestShape, 202: RequestShape}
"""What an ask is answered with: final, for who waited for that, or accepted."""


def _newest(resource: Resource) -> str:
    return newest_version(resource.offering_version.offering_id) or resource.offering_version.version


def _submit(request: Request, data: dict[str, Any], *, must_have_seen: bool = False) -> HttpResponse:
    """Hand a short form to the service as the request that it stands for."""
    parse(Prefix.RESOURCE, data["resource"])  # what can be no id is not found; it is no fault of a body
    seconds = wait_seconds(request)
    seen = seen_of(request, prefix=Prefix.RESOURCE, is_required=must_have_seen)
    answer = submit(body_of(data), exchange_of(request, route="requests", body=data, seen=seen))
    return answer_response(answer, request=request, seconds=seconds)


class ResourceList(ListView):
    """Resources of the caller's projects."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.RESOURCES_READ}
    noun = "resource"
    shape = ResourceShape
    filters: ClassVar[Mapping[str, Filter]] = {
        "project": OF_PROJECT,
        "environment": Named(
            description="Name or id of the environment.",
            prefix=Prefix.ENVIRONMENT,
            lookup="environment_id",
            slug_lookup="environment__name",
        ),
        "status": Choice(description="Where it stands.", lookup="status", choices=tuple(ResourceStatus.values)),
        "kind": Choice(description="How the catalog groups it.", lookup="kind", choices=tuple(OfferingKind.values)),
        "name": NAMED,
        **between("created_at", name="created"),
    }
    sorts: ClassVar[Mapping[str, str]] = {**BY_TIME, "name": "name"}

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return visible resources."""
        return resources_shown(Sight.of(caller_of(request)))

    def places(self, request: Request) -> Sequence[Places]:
        """Return the projects that the caller sees."""
        return project_places(request)

    def prepare(self, rows: list[Any]) -> None:
        """Look up the newest versions of all offerings on the page at once."""
        self.newest = newest_versions({row.offering_version.offering_id for row in rows})

    def show(self, row: Any) -> ResourceShape:
        """Return one resource in its shape."""
        newest = self.newest.get(row.offering_version.offering_id, row.offering_version.version)
        return resource_shape(row, newest_version=newest)


class UpdateBody(Body):
    """A change of a resource; the short form of a request with operation ``update``."""

    plan: Annotated[Slug, Meta(description="The plan to change to.")] | None = None
    version: Annotated[Slug, Meta(description="Number; without it the present one.")] | None = None
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

    @operation("resource_get", responses={200: ResourceShape}, parameters=[IF_NONE_MATCH], headers=OUTDATED)
    def get(self, request: Request, resource_id: str) -> HttpResponse:
        """Show a resource, with its outputs."""
        found = resource_shown(caller=caller_of(request), resource=resource_id)
        shape = resource_shape(found, newest_version=_newest(found))
        response = shown(request, shape, prefix=Prefix.RESOURCE, version=found.version)
        return outdated_mark(response, outdated_of(found.offering_version))

    @operation(
        "resource_update",
        request=UpdateBody,
        responses=SUBMITTED,
        parameters=[IF_MATCH_REQUIRED, KEY_PARAMETER, WAIT],
        raises=UPDATE_REFUSED,
        headers=SUBMITTED_WITH,
    )
    def patch(self, request: Request, resource_id: str) -> HttpResponse:
        """Ask for a change of what you have seen; else the same as a request with operation ``update``.

        Send what shall be otherwise, and the resource's ``ETag`` in ``If-Match``: of several changes that were made on
        the same state one is accepted, the others get 412.
        """
        body_read(UpdateBody, request.data)
        given: dict[str, Any] = dict(request.data or {})
        return _submit(request, {**given, "operation": "update", "resource": resource_id}, must_have_seen=True)

    @operation(
        "resource_deprovision",
        responses=SUBMITTED,
        parameters=[CONFIRM, IF_MATCH, KEY_OF_REPEATABLE, WAIT],
        raises=DEPROVISION_REFUSED,
        headers=SUBMITTED_WITH,
        reads_body=True,
    )
    def delete(self, request: Request, resource_id: str) -> HttpResponse:
        """Ask for the resource to be given back; the same as a request with operation ``deprovision``."""
        body_read(NoBody, request.data)
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

    @operation(
        "credentials_reveal",
        responses={201: CredentialsShown},
        raises=(CredentialsRevealedError, CredentialsNotReadyError, CredentialsNoneError, NotOwnerError),
        headers=("Cache-Control",),
        reads_body=True,
    )
    def post(self, request: Request, resource_id: str) -> HttpResponse:
        """Show the credentials, once; a second call is refused with 410 until they were rotated.

        Put them where your program reads them before you do anything else: no other answer holds them, and an
        ``Idempotency-Key`` brings none back.
        """
        body_read(NoBody, request.data)
        revealed = credentials_reveal(caller=caller_of(request), resource=resource_id)
        answer = CredentialsShown(username=revealed.username, password=revealed.password, uri=revealed.uri)
        return shape_response(answer, status=201, cache_control="no-store")


class RotateBody(Body):
    """Why the credentials are rotated; the short form of a request with operation ``rotate``."""

    reason: Reason = ""
    ticket: Ticket | None = None


class CredentialsRotate(APIView):
    """Gives a resource new credentials."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.REQUESTS_WRITE}

    @operation(
        "credentials_rotate",
        request=RotateBody,
        responses=SUBMITTED,
        parameters=[IF_MATCH, KEY_PARAMETER, WAIT],
        raises=ROTATE_REFUSED,
        headers=SUBMITTED_WITH,
    )
    def post(self, request: Request, resource_id: str) -> HttpResponse:
        """Ask for new credentials, after which the old ones log in no more; as a request with operation ``rotate``."""
        body_read(RotateBody, request.data)
        given: dict[str, Any] = dict(request.data or {})
        return _submit(request, {**given, "operation": "rotate", "resource": resource_id})
