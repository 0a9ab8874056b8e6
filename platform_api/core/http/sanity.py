"""Refuses addresses that could name nothing, before they reach a query."""

from collections.abc import Callable
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse

from platform_api.core.http import problems
from platform_api.core.http.parsers import UnstorableTextError


class AddressSanityMiddleware:
    """Answer 400 to a NUL in path or query: PostgreSQL keeps no such text, so no row could match."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse, or pass on."""
        if "\x00" in request.path or "\x00" in unquote(request.META.get("QUERY_STRING", "")):
            return problems.response(UnstorableTextError("The address holds a NUL character."), request)
        return self.get_response(request)
