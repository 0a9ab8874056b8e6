"""Environments: ordered, made empty or left alone by one call that is safe to repeat; watched; given back as one."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

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
from platform_api.core.conditions import Seen
from platform_api.core.errors import RequestRefusedError, SlipwayError
from platform_api.core.http.conditions import IF_MATCH, IF_NONE_MATCH, IF_NONE_THERE, seen_of, shown, tag_of
from platform_api.core.http.document.headers import OUTDATED
from platform_api.core.http.document.operations import operation
from platform_api.core.http.filters import Choice, Filter, Flag, between
from platform_api.core.http.paging import BY_TIME
from platform_api.core.http.shapes import NoBody, body_judge, body_read, shape_response
from platform_api.core.http.views import ListView
from platform_api.core.http.waiting import LOOK_AGAIN, WAIT, Held, held, wait_seconds
from platform_api.core.ids import Prefix, show
from platform_api.core.shapes import Body
from platform_api.idempotency.api.keys import KEY_OF_REPEATABLE, REPLAYED, answered_once, order_key_of
from platform_api.idempotency.services.keys import OrderKey
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models import Project
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.models.teams import SLUG_PATTERN, slug_validator
from platform_api.tenancy.selectors.projects import RoleMissingError, project_get
from provisioning.api.filters import NAMED
from provisioning.api.requests import CONFIRM, Reason, Slug, Ticket, known_id
from provisioning.models import Environment
from provisioning.models.environments import Tier
from provisioning.selectors.environment_shapes import (
    EnvironmentShape,
    environment_shape,
    environment_status_of,
    environment_url,
)
from provisioning.selectors.environments import environment_get, environment_named, environments_visible
from provisioning.services.environments.closing import EnvironmentDefaultError, environment_delete
from provisioning.services.environments.composing import composed_ensure
from provisioning.services.environments.ensuring import (
    EnvironmentClosedError,
    EnvironmentClosingError,
    EnvironmentDiffersError,
    environment_ensure,
)
from provisioning.services.environments.judging import EnvironmentAsk
from provisioning.services.ordering.changing import DeleteProtectedError
from provisioning.states import UNDER_WAY

MOST_TTL_SECONDS = 366 * 86400
"""More than any offering allows; keeps the sum with the present moment within the calendar."""

ACCEPTED = 202
DELETED = {200: EnvironmentShape, 202: EnvironmentShape}
"""What a deletion is answered with: done, for who waited for that, or accepted."""

DELETE_REFUSED = (RoleMissingError, DeleteProtectedError, EnvironmentDefaultError, EnvironmentClosedError)
ANSWERED_WITH = ("Location", "ETag", REPLAYED, *OUTDATED)
"""Headers of the answer to a change."""


class EnvironmentBody(Body):
    """What an environment shall be: empty, or ordered as a composed offering."""

    tier: Annotated[
        Literal["development", "staging", "production"], Meta(description="empty: how much care it asks for.")
    ] = "development"
    expires_at: Annotated[datetime, Meta(tz=True, description="empty: when it goes.")] | None = None
    offering: Annotated[Slug, Meta(description="composed: slug of the offering; makes it a composed one.")] | None = (
        None
    )
    version: Annotated[Slug, Meta(description="composed: number; without it the newest.")] | None = None
    ttl_seconds: Annotated[int, Meta(ge=1, le=MOST_TTL_SECONDS, description="composed: how long it lives.")] | None = (
        None
    )
    parameters: Annotated[dict[str, Any], Meta(description="composed: what the offering lets you set.")] = {}
    reason: Reason = ""
    ticket: Ticket | None = None
    source: (
        Annotated[
            dict[str, Any],
            Meta(max_length=20, description="Where the ask comes from, e.g. a pull request; members of your choice."),
        ]
        | None
    ) = None
    reopen: Annotated[bool, Meta(description="Make a new one where one of the same source was given back.")] = False


_EMPTY = ("tier", "expires_at")
_COMPOSED = ("version", "ttl_seconds", "parameters")


def _body_of(data: Any) -> EnvironmentBody:
    """Read a body; members of the other form are told together with all else.

    Raises:
        RequestRefusedError: Holds every fault.
    """
    findings = []
    if isinstance(data, dict):
        is_composed = data.get("offering") is not None
        form, foreign = ("a composed", _EMPTY) if is_composed else ("an empty", _COMPOSED)
        findings = [
            {
                "pointer": f"#/{name}",
                "code": "unknown_field",
                "detail": f"{form.capitalize()} environment has no {name}.",
                "remedy": "The offering decides it; leave it out." if is_composed else "Name the offering, too.",
            }
            for name in foreign
            if name in data
        ]
    if findings:
        raise RequestRefusedError(errors=[*body_judge(EnvironmentBody).judge(data), *findings])
    return body_read(EnvironmentBody, data)


def _require_name(name: str) -> None:
    if re.match(SLUG_PATTERN, name) is None:
        finding = {
            "pointer": "#",
            "code": "pattern_mismatch",
            "detail": "The environment's name in the address is not sound.",
            "remedy": str(slug_validator.message),
        }
        raise RequestRefusedError(errors=[finding])


def _ensure(
    body: EnvironmentBody, *, project: Project, name: str, caller: Caller, seen: Seen
) -> tuple[Environment, bool]:
    """Hand an ask to the service of its form."""
    if body.offering is None:
        return environment_ensure(
            project=project,
            name=name,
            tier=Tier(body.tier),
            expires_at=body.expires_at,
            caller=caller,
            source=body.source,
            reason=body.reason,
            may_reopen=body.reopen,
            seen=seen,
        )
    ask = EnvironmentAsk(
        offering=body.offering,
        version=body.version,
        ttl_seconds=body.ttl_seconds,
        parameters=body.parameters,
        source=body.source,
        reason=body.reason,
        ticket=body.ticket,
        may_reopen=body.reopen,
    )
    return composed_ensure(ask=ask, project=project, name=name, caller=caller, seen=seen)


def _held(request: Request, environment: Environment, *, seconds: int) -> Held[Environment]:
    """Hold an answer while an environment is being made or given back."""
    return held(
        environment,
        request=request,
        read=partial(_again, environment),
        is_final=lambda found: environment_status_of(found) not in UNDER_WAY,
        seconds=seconds,
    )


def _again(environment: Environment, caller: Caller) -> Environment:
    """Return an environment as it stands now, and as the caller may see it now."""
    return environment_get(caller=caller, environment=show(Prefix.ENVIRONMENT, environment.pk))


def _answer(caller: Caller, environment: Environment, *, status: int) -> HttpResponse:
    """Answer with an environment as it stands now; what is still under way says when to look again."""
    found = _again(environment, caller)
    content = msgspec.json.encode(environment_shape(found))
    headers = LOOK_AGAIN if status == ACCEPTED else {}
    tag = tag_of(content, prefix=Prefix.ENVIRONMENT, version=found.version)
    response = shape_response(content, status=status, location=environment_url(environment), etag=tag, **headers)
    return _marked(response, found)


def _marked(response: HttpResponse, environment: Environment) -> HttpResponse:
    version = environment.offering_version
    return outdated_mark(response, None if version is None else outdated_of(version))


def _show(request: Request, found: Environment) -> HttpResponse:
    """Answer a GET with an environment, held while it is being made or given back, where the caller waits for that."""
    end = _held(request, found, seconds=wait_seconds(request))
    found, kind = end.found, Prefix.ENVIRONMENT
    response = shown(request, environment_shape(found), prefix=kind, version=found.version, headers=end.headers)
    return _marked(response, found)


def _key(request: Request, *, body: Any) -> OrderKey:
    """Return the call's key; method and address say what the body is for."""
    route = f"{request.method} {request.path}"
    return order_key_of(request, caller_id=known_id(caller_of(request)), route=route, body=body)


def _done_once(request: Request, *, body: Any, do: Callable[[], tuple[Environment, int]]) -> HttpResponse:
    """Do what is asked, once for each key, and hold the answer where the caller waits for what is under way.

    Args:
        request: The call.
        body: What is asked for.
        do: Does it, and returns the environment and what is answered; 202 becomes 200 where the caller waited, and it
            is under way no more.
    """
    caller, seconds = caller_of(request), wait_seconds(request)

    def done() -> HttpResponse:
        environment, status = do()
        return _answer(caller, environment, status=status)

    response = answered_once(_key(request, body=body), done)
    is_held = bool(seconds) and response.status_code == ACCEPTED
    if not is_held and REPLAYED not in response.headers:
        return response
    # A key is a user's: what another token of theirs was answered is for this one only if it sees the environment.
    found = environment_get(caller=caller, environment=response.headers["Location"].rpartition("/")[2])
    if not is_held:
        return response
    try:
        end = _held(request, found, seconds=seconds)
        later = _answer(caller_of(request), end.found, status=200 if end.is_final else ACCEPTED)
    except (DatabaseError, SlipwayError):
        return response  # it was accepted: who cannot be told what became of it, or may not be any more, is told that
    if REPLAYED in response.headers:
        later.headers[REPLAYED] = response.headers[REPLAYED]
    return later


def _give_back(request: Request, find: Callable[..., Environment]) -> HttpResponse:
    """Hand a deletion to its service, unless it was answered before: then there may be nothing to find any more."""
    body_read(NoBody, request.data)
    caller, confirm = caller_of(request), request.query_params.get("confirm")
    seen = seen_of(request, prefix=Prefix.ENVIRONMENT)

    def given_back() -> tuple[Environment, int]:
        found = find(caller=caller)
        environment_delete(caller=caller, environment=found, confirm=confirm, seen=seen)
        return found, ACCEPTED

    return _done_once(request, body=confirm, do=given_back)


class EnvironmentList(ListView):
    """Environments of a project."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.RESOURCES_READ}
    noun = "environment"
    shape = EnvironmentShape
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": NAMED,
        "tier": Choice(description="How much care it asks for.", lookup="tier", choices=tuple(Tier.values)),
        "closed": Flag(description="true for those of which nothing is left; without it those that stand."),
        **between("created_at", name="created"),
    }
    sorts: ClassVar[Mapping[str, str]] = {**BY_TIME, "name": "name"}

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return the environments of the project in the address.

        Raises:
            UnknownIdError: There is no such project, or it is not the caller's to see.
        """
        caller = caller_of(request)
        project = project_get(caller=caller, project=self.kwargs["project"])
        is_closed = filters.get("closed", False)
        return environments_visible(caller=caller).filter(project=project, closed_at__isnull=not is_closed)

    def show(self, row: Environment) -> EnvironmentShape:
        """Return one environment in its shape."""
        return environment_shape(row)


class EnvironmentDetail(APIView):
    """One environment, by id."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.RESOURCES_READ, "DELETE": Scope.REQUESTS_WRITE}

    @operation("environment_get", responses={200: EnvironmentShape}, parameters=[IF_NONE_MATCH, WAIT], headers=OUTDATED)
    def get(self, request: Request, environment_id: str) -> HttpResponse:
        """Show an environment: status, cost and outputs of the whole; a closed one too."""
        found = environment_get(caller=caller_of(request), environment=environment_id)
        return _show(request, found)

    @operation(
        "environment_delete",
        responses=DELETED,
        parameters=[CONFIRM, IF_MATCH, KEY_OF_REPEATABLE, WAIT],
        raises=DELETE_REFUSED,
        headers=ANSWERED_WITH,
        reads_body=True,
    )
    def delete(self, request: Request, environment_id: str) -> HttpResponse:
        """Give an environment back with everything in it; asked again, what failed is tried again."""
        return _give_back(request, partial(environment_get, environment=environment_id))


class EnvironmentOfProject(APIView):
    """One environment of a project, by name."""

    scopes: ClassVar[dict[str, Scope]] = {
        "GET": Scope.RESOURCES_READ,
        "PUT": Scope.REQUESTS_WRITE,
        "DELETE": Scope.REQUESTS_WRITE,
    }

    @operation(
        "environment_named_get", responses={200: EnvironmentShape}, parameters=[IF_NONE_MATCH, WAIT], headers=OUTDATED
    )
    def get(self, request: Request, project: str, name: str) -> HttpResponse:
        """Show the environment that stands under a name."""
        caller = caller_of(request)
        found = project_get(caller=caller, project=project)
        return _show(request, environment_named(caller=caller, project=found, name=name))

    @operation(
        "environment_ensure",
        request=EnvironmentBody,
        responses={200: EnvironmentShape, 201: EnvironmentShape, 202: EnvironmentShape},
        parameters=[IF_MATCH, IF_NONE_THERE, KEY_OF_REPEATABLE, WAIT],
        raises=(
            *(RoleMissingError, ConnectionMissingError),
            *(EnvironmentDiffersError, EnvironmentClosedError, EnvironmentClosingError),
        ),
        headers=ANSWERED_WITH,
    )
    def put(self, request: Request, project: str, name: str) -> HttpResponse:
        """Order or make the environment, or leave it as it is; safe to repeat and to race.

        202 when it was ordered just now and is being made, 201 when it was made empty, 200 when it was there.
        """
        body = _body_of(request.data)
        _require_name(name)
        caller = caller_of(request)
        found = project_get(caller=caller, project=project)
        seen = seen_of(request, prefix=Prefix.ENVIRONMENT)

        def ensured() -> tuple[Environment, int]:
            environment, is_new = _ensure(body, project=found, name=name, caller=caller, seen=seen)
            made = 201 if body.offering is None else ACCEPTED
            return environment, made if is_new else 200

        return _done_once(request, body=request.data, do=ensured)

    @operation(
        "environment_named_delete",
        responses=DELETED,
        parameters=[CONFIRM, IF_MATCH, KEY_OF_REPEATABLE, WAIT],
        raises=DELETE_REFUSED,
        headers=ANSWERED_WITH,
        reads_body=True,
    )
    def delete(self, request: Request, project: str, name: str) -> HttpResponse:
        """Give the environment back that stands under a name; the same as by its id."""
        found = project_get(caller=caller_of(request), project=project)
        return _give_back(request, partial(environment_named, project=found, name=name))
