"""The correlation id: one id for all log lines, audit rows and answers of one exchange and of the work that follows."""

import logging
from contextvars import ContextVar

from platform_api.core import tracing
from platform_api.core.bindings import Bound

_current: ContextVar[str] = ContextVar("correlation_id", default="-")


def current() -> str:
    """Return the id of the exchange that this thread works for, or ``-``."""
    return _current.get()


class bound:  # noqa: N801 - is called like a function
    """Makes an id the current one within a ``with``: during an exchange, or while a worker goes on with what one began.

    Args:
        correlation_id: The id.
        traceparent: The trace that this goes on with, as a span of its own; a new trace where it names none.
    """

    __slots__ = ("_id", "_span")

    def __init__(self, correlation_id: str, *, traceparent: str = "") -> None:
        self._id, self._span = Bound(_current, correlation_id), tracing.bound(tracing.span_of(traceparent))

    def __enter__(self) -> None:
        self._id.__enter__()
        self._span.__enter__()

    def __exit__(self, *error: object) -> None:
        self._span.__exit__(*error)
        self._id.__exit__(*error)


class CorrelationFilter(logging.Filter):
    """Put the current ids on every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields; never drop a record."""
        record.correlation_id = _current.get()
        record.trace_id = tracing.trace_id()
        return True
