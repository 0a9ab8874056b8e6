"""Lets a person call the API from a browser where they have logged in, as the docs page does."""

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from platform_api.core import correlation, row_scope
from platform_api.core.callers import Caller
from platform_api.core.errors import ForbiddenError
from platform_api.core.http.browsers import is_of_a_program
from platform_api.core.sessions import SessionStore
from platform_api.tenancy.selectors.callers import caller_of_person
from platform_api.tenancy.services.sessions import person_of_session


class CsrfFailedError(ForbiddenError):
    """A call that changes something came with a session, and without proof that our own page made it."""

    code = "csrf_failed"
    title = "The call did not prove that it came from a page of ours"
    remedy = "Send the header X-CSRFToken as the docs page does, or call with an API token instead of a session."


class SessionAuthentication(BaseAuthentication):
    """A session of the admin site: with all roles of the person, for every use; never beside a token."""

    raises_of_writes = (CsrfFailedError,)

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        """Return the caller, and let the rest of the exchange touch their rows; None without a session that counts.

        Raises:
            CsrfFailedError: It would change something, and another site may have made it.
        """
        plain = request._request  # noqa: SLF001 - REST framework's own way to Django's request
        if is_of_a_program(plain):
            return None
        if isinstance(plain.user, Caller):  # as it was established before in this call; the session may have ended
            plain.session = SessionStore(plain.session.session_key)
            plain.user = get_user(plain)
        person = person_of_session(user=plain.user, session=plain.session)
        if person is None:
            return None
        _require_csrf(plain)
        ip = plain.META.get("REMOTE_ADDR")
        with row_scope.platform():  # whose rows are theirs is known only afterwards
            caller = caller_of_person(user=person, ip=ip, correlation_id=correlation.current())
        row_scope.enter(caller.row_scope)
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a refusal is a 401."""
        return "Bearer"


def _require_csrf(request: HttpRequest) -> None:
    check = CSRFCheck(lambda _request: HttpResponse())
    check.process_request(request)
    reason = check.process_view(request, None, (), {})  # type: ignore[arg-type]  # no view is called
    if reason is not None:
        raise CsrfFailedError


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular's registry is untyped
    """Tells the OpenAPI document about it."""

    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the scheme in OpenAPI's words."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": (
                "The session of a person who has logged in; in production its name begins with __Host-. What changes"
                " something needs the header X-CSRFToken too, as the docs page sends it."
            ),
        }
