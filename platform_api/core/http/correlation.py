"""The correlation id: one id for all log lines, audit rows and answers of one exchange."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

from platform_api.core.ids import new_id

HEADER = "Correlation-Id"
ACCEPTED = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")
"""What a caller may bring as an id of its own; anything else is replaced, so that it cannot forge log lines."""

_current: ContextVar[str] = ContextVar("correlation_id", default="-")


def current() -> str:
    """Return the id of the exchange that this thread works for, or ``-``."""
    return _current.get()


def bind(correlation_id: str) -> None:
    """Make an id the current one, where work goes on outside the exchange that began it (dispatcher, worker)."""
    _current.set(correlation_id)


class CorrelationMiddleware:
    """Give every exchange its id: the caller's, where it is sound, else a new one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind the id, answer, and say the id in the answer."""
        brought = request.headers.get(HEADER, "")
        correlation_id = brought if ACCEPTED.match(brought) else new_id().hex
        token = _current.set(correlation_id)
        try:
            response = self.get_response(request)
        finally:
            _current.reset(token)
        response.headers[HEADER] = correlation_id
        return response


class CorrelationFilter(logging.Filter):
    """Put the current id on every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the field; never drop a record."""
        record.correlation_id = _current.get()
        return True
