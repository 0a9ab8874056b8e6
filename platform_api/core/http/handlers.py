"""Error answers for what never reaches a view of REST framework; problem documents like all others."""

from django.http import HttpRequest, HttpResponse

from platform_api.core.http import problems
from platform_api.core.http.errors import (
    BadRequestError,
    ForbiddenCallError,
    InternalError,
    MethodNotAllowedError,
    RouteMissingError,
)

READING = ("GET", "HEAD")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 for what Django refused to read."""
    return problems.response(BadRequestError(), request)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return problems.response(ForbiddenCallError(), request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 for an address that no route has."""
    return problems.response(RouteMissingError(), request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500; Django has logged the exception already."""
    return problems.response(InternalError(), request)


def method_refused(request: HttpRequest) -> HttpResponse:
    """Answer 405 for a method other than ``READING``, where only these are taken."""
    answer = problems.response(MethodNotAllowedError(), request)
    answer.headers["Allow"] = ", ".join(READING)
    return answer
