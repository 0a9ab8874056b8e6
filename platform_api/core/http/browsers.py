"""Middleware that only browsers need: sessions, CSRF, the user, messages.

A call of the API with an ``Authorization`` header is answered without any of it: no session is read or made, no cookie
counts, so nothing of it can be forged or costs time. Each class is Django's, stepped over by such a call.
"""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

if TYPE_CHECKING:
    _Middleware = MiddlewareMixin
else:
    _Middleware = object

API = "/api/"


def is_of_a_program(request: HttpRequest) -> bool:
    """Tell whether a call brings its own credential, and is to be judged by that alone."""
    return "HTTP_AUTHORIZATION" in request.META and request.path.startswith(API)


class _ForBrowsers(_Middleware):
    """Steps aside for calls of programs."""

    def __call__(self, request: HttpRequest) -> Any:
        """Answer, with or without what the middleware does."""
        return self.get_response(request) if is_of_a_program(request) else super().__call__(request)


class BrowserSessionMiddleware(_ForBrowsers, SessionMiddleware):
    """Sessions."""


class BrowserCsrfMiddleware(_ForBrowsers, CsrfViewMiddleware):
    """Proof that a form is ours; the API asks for it itself, of calls that come with a session."""

    def process_view(
        self, request: HttpRequest, callback: Any, callback_args: Any, callback_kwargs: Any
    ) -> HttpResponseForbidden | None:
        """Refuse a forged form."""
        if is_of_a_program(request):
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)


class BrowserUserMiddleware(_ForBrowsers, AuthenticationMiddleware):
    """Whose session it is."""


class BrowserMessageMiddleware(_ForBrowsers, MessageMiddleware):
    """What is said once, on the next page."""
