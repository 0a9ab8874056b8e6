"""What all views have in common; a view parses, makes one call, and renders."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from platform_api.core.http.paging import FilterInvalidError, KeysetPagination

PAGING_PARAMETERS = frozenset({"limit", "cursor"})


class ListView(ListAPIView[Any]):
    """A list with declared filters; a parameter that is not declared is an error, not ignored."""

    pagination_class = KeysetPagination
    filters: ClassVar[frozenset[str]] = frozenset()
    serializer_class: type[BaseSerializer[Any]]

    def find(self, request: Request, **filters: str) -> QuerySet[Any]:
        """Return the rows that the caller may see and asks for; each view says how."""
        raise NotImplementedError

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one page."""
        given = {name: str(value) for name, value in request.query_params.items() if name not in PAGING_PARAMETERS}
        unknown = sorted(given.keys() - self.filters)
        if unknown:
            known = ", ".join(sorted(self.filters | PAGING_PARAMETERS))
            msg = f"There is no filter {unknown[0][:80]!r}."
            raise FilterInvalidError(msg, remedy=f"Use only: {known}.")
        page = self.paginate_queryset(self.find(request, **given))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
