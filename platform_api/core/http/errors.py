"""Turns every exception of the HTTP cycle into one of our errors; nothing else answers a refusal."""

import logging

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions as rest

from platform_api.core import errors
from platform_api.core.http.parsers import BodyTooLargeError, MalformedJsonError
from platform_api.core.ids import UnknownIdError

logger = logging.getLogger(__name__)


class TokenMissingError(errors.UnauthenticatedError):
    """No token came with the call."""

    code = "token_missing"
    title = "This call needs a token"
    remedy = "Send an API token in the header: Authorization: Bearer slw_…"


class RouteMissingError(errors.NotFoundError):
    """No route has this address; the body is that of any other missing thing."""

    code = "not_found"
    title = UnknownIdError.title


class ForbiddenCallError(errors.ForbiddenError):
    """A framework's check said no, without a reason of its own."""

    code = "forbidden"
    title = "This is not allowed to you"


class MethodNotAllowedError(errors.MethodError):
    """The route is there, the method is not."""

    code = "method_not_allowed"
    title = "This address does not take this method"
    remedy = "Use one of the methods that the header Allow names."


class NotAcceptableFormError(errors.NotAcceptableError):
    """An Accept header that asks for anything but JSON."""

    code = "not_acceptable"
    title = "Answers are JSON"
    remedy = "Send Accept: application/json, or no Accept header."


class UnsupportedMediaTypeError(errors.MediaTypeError):
    """A body that is not JSON by its own word."""

    code = "unsupported_media_type"
    title = "Bodies are JSON"
    remedy = "Send Content-Type: application/json, in UTF-8 and not compressed."


class RateLimitedError(errors.ThrottledError):
    """Too many calls."""

    code = "rate_limited"
    title = "Too many calls in too short a time"
    remedy = "Wait as long as Retry-After says."


class InternalError(errors.FaultError):
    """Our fault. What happened is in our logs under the correlation id, never in the answer."""

    code = "internal_error"
    title = "Something went wrong on our side"
    remedy = "Try again; if it stays, tell the platform team the correlation_id."


class DatabaseUnavailableError(errors.UnavailableError):
    """The database does not answer; nothing was changed."""

    code = "unavailable"
    title = "The service cannot answer right now"
    remedy = "Try again as Retry-After says; with an Idempotency-Key a repeated order is safe."


class BadRequestError(errors.MalformedError):
    """A request that the framework holds for an attack or cannot read."""

    code = "bad_request"
    title = "The request cannot be read"


def as_slipway_error(exc: Exception) -> errors.SlipwayError:  # noqa: C901, PLR0911, PLR0912 - one arm for each foreseen exception
    """Return the error to answer with; what was not foreseen is logged here and becomes ``internal_error``."""
    match exc:
        case errors.SlipwayError():
            return exc
        case Http404() | rest.NotFound():
            return RouteMissingError()
        case rest.NotAuthenticated() | rest.AuthenticationFailed():
            return TokenMissingError()
        case PermissionDenied() | rest.PermissionDenied():
            return ForbiddenCallError()
        case rest.MethodNotAllowed():
            return MethodNotAllowedError(str(exc.detail))
        case rest.NotAcceptable():
            return NotAcceptableFormError()
        case rest.UnsupportedMediaType():
            return UnsupportedMediaTypeError(str(exc.detail))
        case rest.Throttled():
            return RateLimitedError(retry_after_seconds=int(getattr(exc, "wait", None) or 1))
        case rest.ParseError():
            return MalformedJsonError()
        case RequestDataTooBig():
            return BodyTooLargeError()
        case SuspiciousOperation():
            return BadRequestError()
        case OperationalError() | InterfaceError():
            logger.error("the database does not answer", exc_info=exc)
            return DatabaseUnavailableError()
        case _:
            logger.error("unforeseen exception", exc_info=exc)
            return InternalError()
