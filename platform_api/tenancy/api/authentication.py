"""Turns the Authorization header into a Caller."""

from typing import TYPE_CHECKING

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from platform_api.core import correlation, row_scope
from platform_api.core.callers import Caller
from platform_api.core.http.errors import TokenMissingError
from platform_api.tenancy.models.scopes import USES
from platform_api.tenancy.services.tokens import TokenExpiredError, TokenInvalidError, token_authenticate

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema


class ApiTokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer slw_…``; how programs call, and people where they have not logged in."""

    raises = (TokenMissingError, TokenInvalidError, TokenExpiredError)

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        """Return the caller as ``request.user``, and let the rest of the exchange touch their rows.

        Raises:
            TokenMissingError: No header.
            TokenInvalidError: Another scheme, or a token that is not in force.
            TokenExpiredError: Its life is over.
        """
        header = get_authorization_header(request).decode("latin-1").split()
        if not header:
            raise TokenMissingError
        if len(header) != 2 or header[0].lower() != "bearer":  # noqa: PLR2004 - scheme and token
            raise TokenInvalidError("The Authorization header is not of the form: Bearer slw_….")
        caller = token_authenticate(
            presented=header[1], ip=request.META.get("REMOTE_ADDR"), correlation_id=correlation.current()
        )
        row_scope.enter(caller.row_scope)
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a refusal is a 401."""
        return "Bearer"


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular's registry is untyped
    """Tells the OpenAPI document about it."""

    target_class = ApiTokenAuthentication
    name = "apiToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the scheme in OpenAPI's words."""
        scopes = "\n".join(f"- `{scope}`: {use}" for scope, use in USES.items())
        description = (
            "A token of yours, or of a program: `Authorization: Bearer slw_…`. It is made for some scopes; what is "
            f"beyond them is refused with `scope_missing`.\n\n{scopes}"
        )
        return {"type": "http", "scheme": "bearer", "bearerFormat": "slw_…", "description": description}

    def get_security_requirement(self, auto_schema: "AutoSchema") -> dict[str, list[str]]:
        """Return the scope that the operation needs, as OpenAPI 3.1 has it for every kind of scheme."""
        scope = getattr(auto_schema.view, "scopes", {}).get(auto_schema.method)
        return {self.name: [] if scope is None else [str(scope)]}
