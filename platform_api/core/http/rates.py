"""Rate limits over HTTP: judged at the door, and told in every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers: ``RateLimit-Policy`` says what is allowed (``q`` calls at
once, regained within ``w`` seconds), ``RateLimit`` where the caller stands (``r`` calls left, all of them back in ``t``
seconds).
"""

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from platform_api.core.addresses import neighborhood_of
from platform_api.core.callers import Caller
from platform_api.core.errors import ForbiddenError, SlipwayError, UnauthenticatedError
from platform_api.core.http.document.headers import RATES
from platform_api.core.http.errors import RateLimitedError
from platform_api.core.rates.limits import rate_of, rate_take
from platform_api.core.rates.terms import RateKind, Verdict

if TYPE_CHECKING:  # REST framework's views import this module by way of its settings
    from rest_framework.views import APIView


class WithinRate(BasePermission):
    """Refuses a token that calls too often. Stands before all other permissions: what those refuse counts as well."""

    raises = (RateLimitedError,)
    headers = RATES

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Count the call, and tell in the answer where its token stands.

        Raises:
            RateLimitedError: Says when to come back.
        """
        caller = request.user
        if not isinstance(caller, Caller):
            return True
        kind = RateKind.READ if request.method in SAFE_METHODS else RateKind.WRITE
        verdict = rate_take(kind, str(caller.token_id or caller.id))
        if verdict is not None:
            view.headers.update(rate_headers(kind, verdict))
            if not verdict.is_allowed:
                raise RateLimitedError(retry_after_seconds=verdict.retry_seconds)
        return True


def rate_headers(kind: RateKind, verdict: Verdict) -> dict[str, str]:
    """Return what is told of a verdict."""
    rate = rate_of(kind)
    if rate is None:
        return {}
    return {
        "RateLimit-Policy": f'"{kind}";q={rate.burst};w={rate.window_seconds}',
        "RateLimit": f'"{kind}";r={verdict.remaining};t={verdict.reset_seconds}',
    }


def attempt_judged(error: SlipwayError, request: Request) -> SlipwayError:
    """Return what an address is told that somebody unknown calls from: why it was refused, or to come back later.

    A call with a sound token is never held against its address: many may share one. Refusals of genuine strangers count
    too, such as a job that no rule trusts: each is recorded, and the record is kept for good.
    """
    is_known = isinstance(getattr(request, "_user", None), Caller)  # its public name would judge the token once more
    if is_known or not isinstance(error, UnauthenticatedError | ForbiddenError):
        return error
    verdict = rate_take(RateKind.ATTEMPT, neighborhood_of(request.META.get("REMOTE_ADDR")))
    if verdict is None or verdict.is_allowed:
        return error
    return RateLimitedError(retry_after_seconds=verdict.retry_seconds)
