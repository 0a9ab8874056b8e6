"""Begins every exchange with nobody's rows in scope; whoever establishes the caller widens it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from platform_api.core import row_scope


class RowScopeMiddleware:
    """Bind the empty scope for the length of an exchange, so that a thread takes none along to its next one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer within the scope."""
        with row_scope.bound(row_scope.NOTHING):
            return self.get_response(request)
