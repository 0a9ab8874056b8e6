"""Who calls, once more: an answer that is held for long may not go by what was so when the call came."""

from rest_framework.request import Request

from platform_api.core import row_scope
from platform_api.core.callers import Caller


def caller_renewed(request: Request) -> Caller:
    """Establish who calls as if the call came just now, and let the rest of the exchange touch their rows of now.

    Raises:
        SlipwayError: What such a call is refused with: the token was revoked meanwhile, the session has ended.
    """
    vars(request).pop("_user", None)  # REST framework establishes whom it does not know
    row_scope.enter(row_scope.NOTHING)
    caller = request.user
    if not isinstance(caller, Caller):
        raise TypeError("a call was held on a route without authentication")
    return caller
