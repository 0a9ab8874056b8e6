"""CI jobs log in with the token that their CI system has signed, and keep no secret."""

from typing import Annotated

from django.http import HttpResponse
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core import correlation
from platform_api.core.http.document.operations import operation
from platform_api.core.http.queries import KnownQuery
from platform_api.core.http.shapes import body_read
from platform_api.core.shapes import Body
from platform_api.tenancy.api.tokens import SECRET_MADE, TokenMadeShape, token_made
from platform_api.tenancy.services.oidc.exchanging import IdentityNotTrustedError, identity_exchange
from platform_api.tenancy.services.oidc.keys import IdentityTokenError, IssuerKeysError


class ExchangeBody(Body):
    """The token of a CI job."""

    token: Annotated[
        str, Meta(min_length=1, max_length=16_384, description="The JSON Web Token that the CI system gave to the job.")
    ]


class OidcExchange(APIView):
    """Gives CI jobs tokens."""

    authentication_classes = ()
    permission_classes = (KnownQuery,)

    @operation(
        "oidc_exchange",
        request=ExchangeBody,
        responses={201: TokenMadeShape},
        raises=(IdentityNotTrustedError, IdentityTokenError, IssuerKeysError),
        headers=SECRET_MADE,
        auth=[],
    )
    def post(self, request: Request) -> HttpResponse:
        """Exchange the token of a GitHub Actions or GitLab CI job for one of ten minutes; each counts once."""
        body = body_read(ExchangeBody, request.data)
        issued = identity_exchange(
            presented=body.token, ip=request.META.get("REMOTE_ADDR"), correlation_id=correlation.current()
        )
        return token_made(issued)
