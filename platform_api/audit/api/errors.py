"""REST framework's exception handler: answers with a problem document, and records what was denied."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import set_rollback

from platform_api.audit.services.refusals import refusal_record
from platform_api.core import correlation
from platform_api.core.callers import Caller, CallerKind, anonymous_caller
from platform_api.core.errors import (
    FaultError,
    ForbiddenError,
    SlipwayError,
    UnauthenticatedError,
    UnavailableError,
)
from platform_api.core.http import problems
from platform_api.core.http.errors import TokenMissingError, as_slipway_error
from platform_api.core.http.routes import route_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Answer any exception of a view; nothing leaves as a traceback."""
    error = as_slipway_error(exc)
    request = context["request"]
    set_rollback()
    caller = getattr(request, "_user", None)  # .user would authenticate again, and fail again
    if not isinstance(caller, Caller):
        caller = anonymous_caller(ip=request.META.get("REMOTE_ADDR"), correlation_id=correlation.current())
    if _is_worth_recording(error, caller=caller, method=request.method):
        refusal_record(error=error, caller=caller, route=route_of(request))
    return Response(
        problems.document(error, instance=request.path),
        status=problems.status_of(error),
        headers=problems.headers_of(error),
        content_type=problems.CONTENT_TYPE,
    )


def _is_worth_recording(error: SlipwayError, *, caller: Caller, method: str) -> bool:
    """Tell whether an auditor would ask for it: every denial, and every refused attempt to change something.

    What nobody in particular gets wrong is noise of the network, but for a token that is not in force; faults of ours
    are in the logs.
    """
    if isinstance(error, TokenMissingError | FaultError | UnavailableError):
        return False
    if isinstance(error, UnauthenticatedError | ForbiddenError):
        return True
    return caller.kind is not CallerKind.ANONYMOUS and method not in SAFE_METHODS
