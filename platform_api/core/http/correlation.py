"""Gives every exchange its correlation id and its place in a trace, and says both in the answer."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from platform_api.core import correlation, tracing
from platform_api.core.ids import new_id

HEADER = "Correlation-Id"
ACCEPTED = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")
"""What a caller may bring as an id of its own; anything else is replaced, so that it cannot forge log lines."""


class CorrelationMiddleware:
    """Take the caller's id and trace, where they are sound, else new ones."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind the ids, answer, and name them in the answer's headers."""
        brought = request.headers.get(HEADER, "")
        correlation_id = brought if ACCEPTED.match(brought) else new_id().hex
        with correlation.bound(correlation_id, traceparent=request.headers.get(tracing.HEADER, "")):
            response = self.get_response(request)
            response.headers[HEADER] = correlation_id
            response.headers[tracing.HEADER] = tracing.traceparent()
        return response
