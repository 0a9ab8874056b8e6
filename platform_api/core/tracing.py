"""Trace context (W3C, https://www.w3.org/TR/trace-context/): which trace an exchange belongs to, and all work after it.

A trace is passed on as text, ``traceparent``: in headers of HTTP and of messages, and in the rows that work waits in.
Who takes it up goes on as a span of its own. What cannot be read is replaced by a new trace; ``tracestate`` is dropped.
"""

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass, replace

from platform_api.core.bindings import Bound

HEADER = "traceparent"
LENGTH = 55
"""Characters of a ``traceparent`` of version 00, the one that is sent."""

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z", flags=re.ASCII | re.DOTALL)
_LONGEST = 512
_SAMPLED = 1


@dataclass(frozen=True, kw_only=True)
class TraceContext:
    """One span of a trace.

    Attributes:
        trace_id: 32 hex digits, the same for all that belongs together.
        span_id: 16 hex digits, of this piece of work.
        is_sampled: Whether who began the trace keeps it.
    """

    trace_id: str
    span_id: str
    is_sampled: bool = True

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.is_sampled else 0:02x}"


def parse(text: str) -> TraceContext | None:
    """Read a ``traceparent``; None where it is not sound.

    Versions after 00 may say more, after a hyphen; what is known of them is what 00 has. No id is all zeros.
    """
    found = _FORM.match(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceContext(trace_id=trace_id, span_id=span_id, is_sampled=bool(int(flags, 16) & _SAMPLED))


def span_of(text: str) -> TraceContext:
    """Return a new span of the trace that a ``traceparent`` names; of a new trace where it names none."""
    brought = parse(text)
    span_id = secrets.token_hex(8)
    if brought is None:
        return TraceContext(trace_id=secrets.token_hex(16), span_id=span_id)
    return replace(brought, span_id=span_id)


_current: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)


def trace_id() -> str:
    """Return the id of the trace that this thread works for; empty for none."""
    context = _current.get()
    return "" if context is None else context.trace_id


def traceparent() -> str:
    """Return the current span as it is passed on; empty for none."""
    context = _current.get()
    return "" if context is None else str(context)


def bound(context: TraceContext) -> Bound[TraceContext | None]:
    """Make a span the current one for a while."""
    return Bound(_current, context)
