"""Refuses calls that could mean nothing, or another thing to the next reader, before they reach a view."""

from collections.abc import Callable
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse

from platform_api.core.errors import AddressTooLongError, LengthMissingError, SlipwayError
from platform_api.core.http import problems
from platform_api.core.http.parsers import UnstorableTextError

MAX_ADDRESS_LENGTH = 8000
"""Characters of path and query together; as much as RFC 9110 wants every party to take, and far more than is needed."""


class AddressLengthError(AddressTooLongError):
    """Path and query are longer than any sound call's."""

    code = "address_too_long"
    title = "The address is too long"
    remedy = f"Keep path and query within {MAX_ADDRESS_LENGTH} characters together."


class BodyLengthMissingError(LengthMissingError):
    """A body in chunks, whose length nobody knows before it has ended; it would be taken for none."""

    code = "length_required"
    title = "The body's length has to be said"
    remedy = "Send the body in one piece with a Content-Length, not with Transfer-Encoding."


class CallSanityMiddleware:
    """Answer with a problem to calls that no view should have to judge.

    * A NUL in path or query: PostgreSQL keeps no such text, so no row could match.
    * An address beyond all measure.
    * A body without a length: REST framework would not see it, and carry out the call as if there were none.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse, or pass on."""
        error = _fault(request)
        return self.get_response(request) if error is None else problems.response(error, request)


def _fault(request: HttpRequest) -> SlipwayError | None:
    query = request.META.get("QUERY_STRING", "")
    if len(request.path) + len(query) > MAX_ADDRESS_LENGTH:
        return AddressLengthError()
    if "\x00" in request.path or "\x00" in unquote(query):
        return UnstorableTextError("The address holds a NUL character.")
    if "HTTP_TRANSFER_ENCODING" in request.META:
        return BodyLengthMissingError()
    return None
