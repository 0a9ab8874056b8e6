"""Server-sent events (HTML, https://html.spec.whatwg.org/multipage/server-sent-events.html): how they are written."""

from collections.abc import Mapping

from rest_framework.renderers import JSONRenderer

TYPE = "text/event-stream"

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}
"""Keep proxies from holding events back: to keep them, to compress them, or, nginx, to fill a buffer first."""

SCHEMA: Mapping[str, str] = {"type": "string", "description": "Events, as they come."}
"""What the OpenAPI document says of a stream; it has no words for more."""

RETRY_MILLISECONDS = 1000
HINT = b"retry: %d\n\n" % RETRY_MILLISECONDS
"""When a reader whose connection has ended comes back."""

HEARTBEAT = b":\n\n"
"""A comment: tells everybody on the way that the connection is in use, and us whether anybody is left."""


def event(name: str, data: bytes, *, mark: str) -> bytes:
    """Return one event.

    Args:
        name: What kind it is; readers listen by it.
        data: JSON without line breaks, as msgspec encodes it.
        mark: Its id, which a reader that comes back names as ``Last-Event-ID``.
    """
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (mark.encode(), name.encode(), data)


class EventRenderer(JSONRenderer):
    """Says that a view has events for who accepts them; what it refuses is a problem document all the same."""

    media_type = TYPE  # its format stays JSON's: what an answer is shall not hang on a query parameter, too
