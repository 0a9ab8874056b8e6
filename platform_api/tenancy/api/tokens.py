"""Tokens: one's own are listed, made, rotated and ended; the clear token is in one answer and nowhere else, ever."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from django.db.models import QuerySet
from django.http import HttpResponse
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core import clock
from platform_api.core.http.document.operations import operation
from platform_api.core.http.filters import Filter, Named
from platform_api.core.http.queries import KnownQuery
from platform_api.core.http.shapes import NoBody, body_read, shape_response
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix, show
from platform_api.core.shapes import Body, Shape, TokenId
from platform_api.idempotency.api.keys import KEY_PARAMETER, order_key_of
from platform_api.idempotency.services.keys import OrderKey
from platform_api.tenancy.api.permissions import AnyToken, caller_of
from platform_api.tenancy.models import ApiToken
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.models.tokens import MAXIMUM_OVERLAP
from platform_api.tenancy.selectors.projects import RoleMissingError
from platform_api.tenancy.selectors.tokens import roles_named, token_get, token_used, tokens_visible
from platform_api.tenancy.services.own_tokens import (
    NewToken,
    SecretShownError,
    TokenEndedError,
    TokenWiderError,
    own_token_issue,
    own_token_revoke,
    own_token_rotate,
    token_url,
)
from platform_api.tenancy.services.tokens import IssuedToken, TokenBindingError, TokenLifeError

NO_CONTENT = 204
SECRET_MADE = ("Location", "Cache-Control")
"""Headers of answers that show a secret."""

Name = Annotated[str, Meta(min_length=1, max_length=100, description="What it is for, in your own words.")]
Slug = Annotated[str, Meta(min_length=1, max_length=100)]
ScopeWord = Annotated[str, Meta(extra_json_schema={"enum": sorted(Scope)})]
Network = Annotated[
    str,
    Meta(
        pattern=r"^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F:.]{2,39})(?:/[0-9]{1,3})?$",
        max_length=43,
        description="CIDR range, e.g. 10.0.0.0/8 or 2001:db8::/32.",
    ),
]


class TokenShape(Shape):
    """A token, without its secret.

    ``family`` is the id of the first of the tokens that took each other's place by rotation; ``begins_with`` is what to
    recognize the secret by.
    """

    id: TokenId
    family: TokenId
    name: str
    kind: Literal["pat", "svc", "ci"]
    begins_with: str
    user: str
    scopes: list[str]
    team: str | None
    project: str | None
    networks: list[str]
    on_behalf_of: str | None
    status: Literal["in_force", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    rotated_at: datetime | None
    revoked_at: datetime | None


class TokenMadeShape(TokenShape):
    """A token that was made just now; no other answer ever holds its secret."""

    secret: str


class TokenBody(Body):
    """A token to make. It reaches no further than the one that asks: in scopes, team, project, networks, and time."""

    name: Name
    scopes: Annotated[
        list[ScopeWord], Meta(min_length=1, max_length=len(Scope), description="What it may be used for.")
    ]
    team: Annotated[Slug, Meta(description="Slug or id: narrows it to one team.")] | None = None
    project: Annotated[Slug, Meta(description="Slug or id: narrows it to one project.")] | None = None
    networks: Annotated[list[Network], Meta(max_length=20, description="Where it may be used from.")] | None = None
    expires_at: Annotated[datetime, Meta(tz=True, description="At most 366 days from now; 90 by default.")] | None = (
        None
    )


class TokenRotateBody(Body):
    """How long the old token goes on beside the new one."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=int(MAXIMUM_OVERLAP.total_seconds()))] = 0


class RoleShape(Shape):
    """A role that counts for the caller: on a project, or on a team and all of its projects."""

    role: str
    team: str
    project: str | None


class CurrentShape(Shape):
    """Who calls, and what counts for the call; ``token`` is null for a call that is made without one."""

    user: str
    kind: str
    scopes: list[str]
    roles: list[RoleShape]
    is_auditor: bool
    is_platform_admin: bool
    token: TokenShape | None


def token_members(token: ApiToken) -> dict[str, Any]:
    """Return what is shown of a token, by name."""
    return {
        "id": show(Prefix.API_TOKEN, token.pk),
        "family": show(Prefix.API_TOKEN, token.family_key),
        "name": token.name,
        "kind": token.kind,
        "begins_with": token.beginning,
        "user": token.user.username,
        "scopes": token.scopes,
        "team": token.team and token.team.slug,
        "project": token.project and token.project.slug,
        "networks": token.networks,
        "on_behalf_of": token.on_behalf_of or None,
        "status": token.status_at(clock.now()),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "rotated_at": token.rotated_at,
        "revoked_at": token.revoked_at,
    }


def token_made(issued: IssuedToken) -> HttpResponse:
    """Answer with the secret; the answer is kept by no cache."""
    shown = TokenMadeShape(**token_members(issued.token), secret=issued.secret)
    return shape_response(shown, status=201, location=token_url(issued.token), cache_control="no-store")


def _key_of(request: Request, *, route: str, body: Any) -> OrderKey:
    return order_key_of(request, caller_id=caller_of(request).user_id, route=route, body=body)


class TokenList(ListView):
    """The caller's own tokens."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ, "POST": Scope.TENANCY_WRITE}
    noun = "token"
    shape = TokenShape
    filters: ClassVar[Mapping[str, Filter]] = {
        "user": Named(
            description="Username or id: another's tokens, for auditors and platform admins.",
            prefix=Prefix.USER,
            lookup="user_id",
            slug_lookup="user__username",
        )
    }

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return the tokens that the caller may see; the caller's own, where nobody is named."""
        caller = caller_of(request)
        rows = tokens_visible(caller=caller)
        return rows if "user" in request.query_params else rows.filter(user_id=caller.user_id)

    def show(self, row: ApiToken) -> TokenShape:
        """Return one token in its shape."""
        return TokenShape(**token_members(row))

    @operation(
        "token_issue",
        request=TokenBody,
        responses={201: TokenMadeShape},
        parameters=[KEY_PARAMETER],
        raises=(SecretShownError, TokenLifeError, TokenBindingError),
        headers=SECRET_MADE,
    )
    def post(self, request: Request) -> HttpResponse:
        """Make a token and show its secret, once; a repeated key is told which token it made."""
        body = body_read(TokenBody, request.data)
        ask = NewToken(
            name=body.name,
            scopes=body.scopes,
            team=body.team,
            project=body.project,
            networks=body.networks,
            expires_at=body.expires_at,
        )
        order_key = _key_of(request, route="tokens", body=request.data)
        return token_made(own_token_issue(ask=ask, caller=caller_of(request), order_key=order_key))


class TokenCurrent(APIView):
    """Who calls."""

    permission_classes = (AnyToken, KnownQuery)

    @operation("token_current", responses={200: CurrentShape})
    def get(self, request: Request) -> HttpResponse:
        """Say who calls, and with which rights; any token may ask."""
        caller = caller_of(request)
        used = token_used(caller=caller)
        shown = CurrentShape(
            user=caller.name,
            kind=caller.kind.value,
            scopes=sorted(caller.scopes),
            roles=[RoleShape(**role) for role in roles_named(caller=caller)],
            is_auditor=caller.is_auditor,
            is_platform_admin=caller.is_platform_admin,
            token=None if used is None else TokenShape(**token_members(used)),
        )
        return shape_response(shown)


class TokenDetail(APIView):
    """One token."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ, "DELETE": Scope.TENANCY_WRITE}

    @operation("token_get", responses={200: TokenShape})
    def get(self, request: Request, token_id: str) -> HttpResponse:
        """Show a token, without its secret."""
        return shape_response(TokenShape(**token_members(token_get(caller=caller_of(request), token=token_id))))

    @operation("token_revoke", responses={204: None}, raises=(RoleMissingError,), reads_body=True)
    def delete(self, request: Request, token_id: str) -> HttpResponse:
        """End a token for good; it is refused within a second, and ending it again changes nothing."""
        body_read(NoBody, request.data)
        own_token_revoke(token=token_id, caller=caller_of(request))
        return HttpResponse(status=NO_CONTENT)


class TokenRotate(APIView):
    """Puts a new token in the place of another."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.TENANCY_WRITE}

    @operation(
        "token_rotate",
        request=TokenRotateBody,
        responses={201: TokenMadeShape},
        parameters=[KEY_PARAMETER],
        raises=(SecretShownError, TokenEndedError, TokenWiderError),
        headers=SECRET_MADE,
    )
    def post(self, request: Request, token_id: str) -> HttpResponse:
        """Make a token with the rights and the expiry of this one, and show its secret, once; this one ends."""
        body = body_read(TokenRotateBody, request.data)
        order_key = _key_of(request, route=f"tokens/{token_id}/rotate", body=request.data)
        issued = own_token_rotate(
            token=token_id,
            overlap=timedelta(seconds=body.overlap_seconds),
            caller=caller_of(request),
            order_key=order_key,
        )
        return token_made(issued)
