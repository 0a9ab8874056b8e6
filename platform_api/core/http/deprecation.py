"""What is old says so in its answers: ``Deprecation`` (RFC 9745), ``Sunset`` (RFC 8594), and links to read on.

A thing that is shown or ordered marks its own answer; an old part of the API itself is declared on its view.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """Since when something is old, and until when it is there.

    Attributes:
        at: From when on it should not be used any more; with its zone.
        guide: Address that tells what to use instead.
        sunset_at: When it goes; None where that is not known.
    """

    at: datetime
    guide: str
    sunset_at: datetime | None = None

    def mark(self, response: HttpResponse) -> None:
        """Say so in an answer, beside other links that it has."""
        response.headers["Deprecation"] = f"@{int(self.at.timestamp())}"
        links = [f'<{self.guide}>; rel="deprecation"']
        if self.sunset_at is not None:
            response.headers["Sunset"] = http_date(self.sunset_at.timestamp())
            links.append(f'<{self.guide}>; rel="sunset"')
        present = [response.headers["Link"]] if response.has_header("Link") else []
        response.headers["Link"] = ", ".join([*present, *links])


class DeprecationMiddleware:
    """Mark every answer of a view with ``deprecation``, refusals too: who still calls it shall hear of it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, then mark."""
        response = self.get_response(request)
        match = request.resolver_match
        declared = None if match is None else getattr(getattr(match.func, "view_class", None), "deprecation", None)
        if isinstance(declared, Deprecation):
            declared.mark(response)
        return response
