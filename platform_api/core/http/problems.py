"""RFC 9457 problem documents: the one shape of every refusal, and the one place where a family becomes a status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.encoding import escape_uri_path

from platform_api.core import correlation, errors

CONTENT_TYPE = "application/problem+json"

STATUS_OF_FAMILY: Mapping[type[errors.SlipwayError], HTTPStatus] = {
    errors.MalformedError: HTTPStatus.BAD_REQUEST,
    errors.UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    errors.ForbiddenError: HTTPStatus.FORBIDDEN,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.MethodError: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.NotAcceptableError: HTTPStatus.NOT_ACCEPTABLE,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.GoneError: HTTPStatus.GONE,
    errors.LengthMissingError: HTTPStatus.LENGTH_REQUIRED,
    errors.PreconditionError: HTTPStatus.PRECONDITION_FAILED,
    errors.TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.AddressTooLongError: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.MediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.RefusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PreconditionMissingError: HTTPStatus.PRECONDITION_REQUIRED,
    errors.ThrottledError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.FaultError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(error: errors.SlipwayError) -> HTTPStatus:
    """Return the status of an error's family."""
    return next(status for family, status in STATUS_OF_FAMILY.items() if isinstance(error, family))


def document(error: errors.SlipwayError, *, instance: str) -> dict[str, Any]:
    """Return the problem document of an error.

    Args:
        error: What was refused and why.
        instance: Path that the caller asked for, decoded.
    """
    remedy = {"remedy": error.remedy} if error.remedy else {}
    return {
        "type": f"/docs/problems/{error.code}",
        "title": error.title,
        "status": int(status_of(error)),
        "code": error.code,
        "detail": error.detail,
        **remedy,
        "instance": escape_uri_path(instance),  # a reference, as RFC 9457 has it, whatever was called
        "correlation_id": correlation.current(),
        "errors": error.errors,
        **error.extras,
    }


def response(error: errors.SlipwayError, request: HttpRequest) -> JsonResponse:
    """Answer with the problem document, outside of REST framework's own cycle."""
    answer = JsonResponse(document(error, instance=request.path), status=status_of(error), content_type=CONTENT_TYPE)
    for name, value in headers_of(error).items():
        answer.headers[name] = value
    return answer


def headers_of(error: errors.SlipwayError) -> dict[str, str]:
    """Return the headers that the error's status asks for by RFC 9110."""
    if isinstance(error, errors.UnauthenticatedError):
        return {"WWW-Authenticate": 'Bearer realm="slipway"'}
    seconds = error.extras.get("retry_after_seconds")
    if seconds is not None or isinstance(error, errors.ThrottledError | errors.UnavailableError):
        return {"Retry-After": str(seconds or 1)}
    return {}
