"""Query parameters that a route does not have: refused, never ignored, so that a slip of the pen is noticed."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from platform_api.core.http.document.operations import told_of
from platform_api.core.http.filters import FilterInvalidError, shorten

if TYPE_CHECKING:  # REST framework's views import this module by way of its settings
    from rest_framework.views import APIView


class KnownQuery(BasePermission):
    """Refuses a query parameter that the document does not name. Stands last: who may not call at all is told that."""

    raises = (FilterInvalidError,)

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Compare with what the operation declares; a method that is none says so by itself.

        Raises:
            FilterInvalidError: Names what can be sent.
        """
        told = told_of(view, str(request.method))
        unknown = [] if told is None else [name for name in request.query_params if name not in told.query]
        if told is not None and unknown:
            remedy = f"Use only: {', '.join(sorted(told.query))}; each once." if told.query else "Send none here."
            msg = f"There is no query parameter {shorten(unknown[0])}."
            raise FilterInvalidError(msg, remedy=remedy)
        return True
