"""Gives every exchange its correlation id, and says it in the answer."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from platform_api.core import correlation
from platform_api.core.ids import new_id

HEADER = "Correlation-Id"
ACCEPTED = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")
"""What a caller may bring as an id of its own; anything else is replaced, so that it cannot forge log lines."""


class CorrelationMiddleware:
    """Take the caller's id, where it is sound, else a new one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind the id, answer, and name it in the answer's headers."""
        brought = request.headers.get(HEADER, "")
        correlation_id = brought if ACCEPTED.match(brought) else new_id().hex
        with correlation.bound(correlation_id):
            response = self.get_response(request)
        response.headers[HEADER] = correlation_id
        return response
