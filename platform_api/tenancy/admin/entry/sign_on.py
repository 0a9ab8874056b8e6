"""The company's sign-on, as mozilla-django-oidc speaks with it, and what it leaves to be checked.

The library keeps state, nonce and PKCE, and finds the signing key. Checked here besides: who the token was made by and
for, that it was signed by a public key, that it ends, and that the two answers of the provider speak of one person.
"""

import logging
from typing import Any

import httpx
import jwt
import requests
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from platform_api.core.errors import UnauthenticatedError, UnavailableError
from platform_api.core.keeping import Kept
from platform_api.tenancy.admin.entry.visits import come_in, destination, expire_soon, nobody, person_of
from platform_api.tenancy.models import User
from platform_api.tenancy.services.sessions import Means
from platform_api.tenancy.services.sign_ons import Claims, sign_on_chosen, sign_on_person

logger = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "ES256")
LEEWAY_SECONDS = 60
TIMEOUT_SECONDS = 5.0
ENDPOINTS = {
    "OIDC_OP_AUTHORIZATION_ENDPOINT": "authorization_endpoint",
    "OIDC_OP_TOKEN_ENDPOINT": "token_endpoint",
    "OIDC_OP_USER_ENDPOINT": "userinfo_endpoint",
    "OIDC_OP_JWKS_ENDPOINT": "jwks_uri",
}
"""The library's names of the provider's addresses, and the provider's own (OpenID Connect Discovery 1.0)."""

_configurations: Kept[str, dict[str, str]] = Kept(setting="SIGN_ON_AGE_SECONDS")


class SignOnUnavailableError(UnavailableError):
    """The provider does not answer, or not as a provider does."""

    code = "sign_on_unavailable"
    title = "The company's sign-on does not answer"
    remedy = "Try again in a minute. If it stays, tell the platform team the correlation id."


class SignOnFailedError(UnauthenticatedError):
    """What came back proves nothing; what exactly was wrong is in the log, and for nobody else."""

    code = "sign_on_failed"
    title = "The sign-on was not completed"
    remedy = "Begin again from the log-in page, in one window."


def sign_on_setting(name: str, *default: Any) -> Any:
    """Return what mozilla-django-oidc asks of its settings: ours, the provider's, and for the rest its own default.

    Raises:
        SignOnUnavailableError: It asked for an address, and the provider does not tell its addresses.
    """
    chosen = sign_on_chosen()
    known = {
        "OIDC_RP_CLIENT_ID": chosen.client_id,
        "OIDC_RP_CLIENT_SECRET": chosen.client_secret,
        "OIDC_RP_SCOPES": chosen.scopes,
        "OIDC_USE_PKCE": True,
        "OIDC_TIMEOUT": TIMEOUT_SECONDS,
        "OIDC_AUTHENTICATION_CALLBACK_URL": "admin:sign-on-callback",
    }
    if name in ENDPOINTS:
        return _configurations.get(chosen.issuer, _configuration)[ENDPOINTS[name]]
    return known[name] if name in known else default[0]


def _configuration() -> dict[str, str]:
    """Fetch what the provider says of itself."""
    issuer = sign_on_chosen().issuer
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        answer = httpx.get(address, timeout=TIMEOUT_SECONDS)
        told = answer.raise_for_status().json()
        found = {name: str(told[name]) for name in ENDPOINTS.values()}
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        logger.exception("the sign-on's configuration cannot be read at %s", address)
        raise SignOnUnavailableError from error
    if told.get("issuer") != issuer:
        logger.error("the sign-on at %s calls itself by another name", address)
        raise SignOnUnavailableError
    return found


class SignOnBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # the library ships no types
    """Turns what the provider sends back into a user."""

    def __init__(self) -> None:
        """Ask the provider nothing yet: Django makes a backend for each request of a session."""
        self.UserModel = get_user_model()

    def __getattr__(self, name: str) -> Any:
        """Return a setting when the library reads it."""
        if name.startswith("OIDC_"):
            return sign_on_setting(name)
        raise AttributeError(name)

    @staticmethod
    def get_settings(attr: str, *args: Any) -> Any:
        """Return a setting as the library asks for it."""
        return sign_on_setting(attr, *args)

    def get_user(self, user_id: Any) -> Any:
        """Return whose session it is; nobody who is inactive."""
        return ModelBackend.get_user(self, user_id)

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        """Return what an ID token says, once it is proven (OpenID Connect Core 1.0, 3.1.3.7).

        Raises:
            jwt.InvalidTokenError: Another issuer or audience, a time out of bounds, another algorithm, no signature.
            SuspiciousOperation: No key of the provider, another log-in's nonce, or made for another client.
        """
        chosen = sign_on_chosen()
        if jwt.get_unverified_header(token).get("alg") not in ALGORITHMS:
            raise SuspiciousOperation("the token is not signed by a public key")
        claims: dict[str, Any] = jwt.decode(
            token,
            self.retrieve_matching_jwk(token),
            algorithms=ALGORITHMS,
            audience=chosen.client_id,
            issuer=chosen.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
        nonce = kwargs.get("nonce")
        if not nonce or claims.get("nonce") != nonce:
            raise SuspiciousOperation("the token is of another log-in")
        if claims.get("azp", chosen.client_id) != chosen.client_id:
            raise SuspiciousOperation("the token was made for another client")
        return claims

    def get_or_create_user(self, access_token: str, id_token: str, payload: dict[str, Any]) -> User:
        """Return the user of a proven token.

        Raises:
            SignOnFailedError: The provider's two answers speak of different people.
            SlipwayError: The person is not let in.
        """
        told = self.get_userinfo(access_token, id_token, payload)
        if not isinstance(told, dict) or told.get("sub") != payload["sub"]:
            logger.warning("the sign-on's answers speak of different people")
            raise SignOnFailedError
        return sign_on_person(claims=_claims({**told, **payload}), caller=nobody(self.request))


class SignOnView(OIDCAuthenticationRequestView):  # type: ignore[misc]  # the library ships no types
    """Leads to the provider."""

    get_settings = staticmethod(sign_on_setting)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Remember state, nonce and verifier, and lead there."""
        answer: HttpResponse = super().get(request)
        if person_of(request) is None:
            expire_soon(request)
        return answer


class SignOnCallbackView(OIDCAuthenticationCallbackView):  # type: ignore[misc]  # the library ships no types
    """Where the provider leads back to."""

    get_settings = staticmethod(sign_on_setting)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Let the person in.

        Raises:
            SignOnFailedError: Nothing was proven.
            SignOnUnavailableError: The provider does not answer.
            SlipwayError: The person is not let in.
        """
        try:
            answer: HttpResponse = super().get(request)
        except (requests.ConnectionError, requests.Timeout) as error:
            logger.warning("the sign-on does not answer: %s", type(error).__name__)
            raise SignOnUnavailableError from None
        except requests.RequestException as error:
            logger.warning("the sign-on gave no token: %s", type(error).__name__)  # its text quotes the answer
            raise SignOnFailedError from None
        except (SuspiciousOperation, jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            logger.warning("a sign-on proved nothing: %r", error)
            raise SignOnFailedError from None
        return answer

    def login_success(self) -> HttpResponse:
        """Open the session, and lead on."""
        wish = self.request.session.pop("oidc_login_next", None)
        come_in(self.request, user=self.user, means=Means.SIGN_ON)
        return HttpResponseRedirect(destination(self.user, wish))

    def login_failure(self) -> HttpResponse:
        """Refuse.

        Raises:
            SignOnFailedError: Always.
        """
        raise SignOnFailedError


def _claims(told: dict[str, Any]) -> Claims:
    groups = told.get(sign_on_chosen().groups_claim, ())
    return Claims(
        issuer=sign_on_chosen().issuer,
        subject=_text(told["sub"]),
        username=_text(told.get("preferred_username")),
        name=_text(told.get("name")),
        email=_text(told.get("email")),
        groups=frozenset(map(str, groups if isinstance(groups, list | tuple) else [groups])),
    )


def _text(value: object) -> str:
    """Return a claim as PostgreSQL can keep it."""
    return value.replace("\x00", "") if isinstance(value, str) else ""
