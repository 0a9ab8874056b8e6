"""The correlation id: one id for all log lines, audit rows and answers of one exchange and of the work that follows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("correlation_id", default="-")


def current() -> str:
    """Return the id of the exchange that this thread works for, or ``-``."""
    return _current.get()


@contextmanager
def bound(correlation_id: str) -> Iterator[None]:
    """Make an id the current one for a while: during an exchange, or while a worker goes on with what one began."""
    token = _current.set(correlation_id)
    try:
        yield
    finally:
        _current.reset(token)


class CorrelationFilter(logging.Filter):
    """Put the current id on every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the field; never drop a record."""
        record.correlation_id = _current.get()
        return True
