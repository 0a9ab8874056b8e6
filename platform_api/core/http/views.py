"""What all lists have in common; a view says which rows, which shape, and which filters."""

from typing import Any, ClassVar

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core.http.paging import PAGING_PARAMETERS, FilterInvalidError, page_of
from platform_api.core.http.shapes import shape_response
from platform_api.core.shapes import Shape


class ListView(APIView):
    """A list, newest first, page by page, with declared filters; a parameter that is not declared is an error.

    Attributes:
        noun: What is listed, in the singular; names the operation and the page in the OpenAPI document.
        shape: Shape of one row.
        filters: What each filter does, by its name.
    """

    noun: ClassVar[str]
    shape: ClassVar[type[Shape]]
    filters: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Tell the OpenAPI document what this list takes and answers."""
        super().__init_subclass__(**options)
        link = str | None
        rows = list[cls.shape]  # type: ignore[name-defined]  # a class made at run time
        page = msgspec.defstruct(
            f"{cls.shape.__name__}Page",
            [("results", rows), ("next", link), ("previous", link)],
            bases=(Shape,),
            namespace={"__doc__": "One page of a list, newest first."},
        )
        parameters = [OpenApiParameter(name, str, description=description) for name, description in cls.filters.items()]

        @extend_schema(
            operation_id=f"{cls.noun}_list", parameters=[*parameters, *PAGING_PARAMETERS], responses={200: page}
        )
        def get(self: ListView, request: Request, **_address: str) -> HttpResponse:
            """Answer with one page."""
            return self.answer(request)

        cls.get = get  # type: ignore[attr-defined]  # REST framework finds methods by name

    def find(self, request: Request, **filters: str) -> QuerySet[Any]:
        """Return the rows that the caller may see and asks for."""
        raise NotImplementedError

    def prepare(self, rows: list[Any]) -> None:
        """Look up what all rows of a page need, at once."""

    def show(self, row: Any) -> Shape:
        """Return one row in its shape."""
        raise NotImplementedError

    def answer(self, request: Request) -> HttpResponse:
        """Answer with one page; its links stand in the body and in the ``Link`` header (RFC 8288).

        Raises:
            FilterInvalidError: A parameter that the list does not have.
        """
        paging = {parameter.name for parameter in PAGING_PARAMETERS}
        given = {name: str(value) for name, value in request.query_params.items() if name not in paging}
        unknown = sorted(given.keys() - self.filters.keys())
        if unknown:
            known = ", ".join(sorted(self.filters.keys() | paging))
            msg = f"There is no filter {unknown[0][:80]!r}."
            raise FilterInvalidError(msg, remedy=f"Use only: {known}.")
        page = page_of(self.find(request, **given), request)
        self.prepare(page.rows)
        body = {
            "results": [self.show(row) for row in page.rows],
            "next": page.next,
            "previous": page.previous,
        }
        response = shape_response(body)
        links = [f'<{url}>; rel="{rel}"' for rel, url in (("next", page.next), ("prev", page.previous)) if url]
        if links:
            response.headers["Link"] = ", ".join(links)
        return response
