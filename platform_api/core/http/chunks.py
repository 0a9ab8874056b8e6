"""Bodies that come in chunks get the length that Django goes by; without one it would take them for empty."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from platform_api.core.http.parsers import MAX_BODY_BYTES

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ChunkedBodies:
    """A WSGI application around another one.

    An update whose body was lost on the way would be accepted as one that changes nothing. What is cut short is handed
    on as far as it came, and nothing at all as a blank: it is no JSON, so a route that takes a body refuses it.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Read a body of unknown length, one byte more than is allowed at most, and pass the call on."""
        if environ.get("HTTP_TRANSFER_ENCODING") and environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1) or b" "
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return self.application(environ, start_response)
