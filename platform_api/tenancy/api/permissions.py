"""Scopes at the door: a view names the scope that each method needs, and nothing passes without a name."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from platform_api.core.callers import Caller
from platform_api.core.errors import ForbiddenError

if TYPE_CHECKING:  # REST framework's views import this module by way of its settings
    from rest_framework.views import APIView


class ScopeMissingError(ForbiddenError):
    """The token was made for other uses."""

    code = "scope_missing"
    title = "The token is not for this use"


def caller_of(request: Request) -> Caller:
    """Return who calls; every view behind authentication has one."""
    caller = request.user
    if not isinstance(caller, Caller):
        raise TypeError("a view asked for the caller of an unauthenticated route")
    return caller


class AnyToken(BasePermission):
    """Lets every token in force through; for what a token may ask about itself."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Tell that there is a caller."""
        return caller_of(request) is not None


class HasScope(BasePermission):
    """Refuses a token without the scope that the view names in ``scopes`` for the method."""

    raises = (ScopeMissingError,)

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Compare the token's scopes with the view's.

        Raises:
            ScopeMissingError: Names the scope that is missing.
        """
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method == "OPTIONS" or not hasattr(view, method.lower()):
            return True  # the methods of the address are no secret to who is logged in; REST framework answers 405 next
        needed = getattr(view, "scopes", {}).get(method)
        if needed is not None and needed in caller_of(request).scopes:
            return True
        msg = f"This call needs the scope {needed}."
        raise ScopeMissingError(msg, remedy="Use a token that was made with this scope.")
