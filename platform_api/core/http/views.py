"""What all lists have in common; a view says which rows, which shape, which filters and which orders."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core.http.document.operations import Parameter, Raises, operation
from platform_api.core.http.filters import Choice, Filter, FilterInvalidError
from platform_api.core.http.paging import (
    BY_TIME,
    CURSOR,
    LIMIT,
    NEWEST_FIRST,
    PAGING_PARAMETERS,
    SORT,
    Order,
    Places,
    page_of,
)
from platform_api.core.http.shapes import shape_response
from platform_api.core.shapes import Shape

PAGED = (
    "A page at a time: follow `next` as it is until it is null. Pages stay in order while rows are added. A parameter "
    "that the list does not have, or a value that it does not take, is refused, never ignored."
)
"""What is told of every list."""


class ListView(APIView):
    """A list, page by page, with declared filters and orders; a parameter that is not declared is an error.

    Attributes:
        noun: What is listed, in the singular; names the operation and the page in the OpenAPI document.
        shape: Shape of one row.
        filters: Filters by their names.
        sorts: Columns that an index sorts by, by their names in ``sort``; a hyphen before a name turns the order.
        raises: What finding the rows is refused with, besides what every list refuses.
    """

    noun: ClassVar[str]
    shape: ClassVar[type[Shape]]
    filters: ClassVar[Mapping[str, Filter]] = {}
    sorts: ClassVar[Mapping[str, str]] = BY_TIME
    raises: ClassVar[Raises] = ()
    _sort: ClassVar[Choice]

    def __init_subclass__(cls, **options: Any) -> None:
        """Tell the OpenAPI document what this list takes and answers."""
        super().__init_subclass__(**options)
        link = str | None
        rows = list[cls.shape]  # type: ignore[name-defined]  # a class made at run time
        page = msgspec.defstruct(
            f"{cls.shape.__name__}Page",
            [("results", rows), ("next", link), ("previous", link)],
            bases=(Shape,),
            namespace={"__doc__": "One page of a list."},
        )
        choices = tuple(f"{sign}{name}" for name in cls.sorts for sign in ("", "-"))
        cls._sort = Choice(description=f"Order of the rows; {NEWEST_FIRST} unless said.", choices=choices)
        parameters = [
            Parameter(name, declared.schema, description=declared.description)
            for name, declared in [*cls.filters.items(), (SORT, cls._sort)]
        ]

        def get(self: ListView, request: Request, **_address: str) -> HttpResponse:
            return self.answer(request)

        about = inspect.cleandoc(cls.__doc__ or "")
        get.__doc__ = f"List {cls.noun.replace('_', ' ')}s.\n\n{about} {PAGED}"
        described = operation(
            f"{cls.noun}_list",
            parameters=[*parameters, *PAGING_PARAMETERS],
            responses={200: page},
            raises=cls.raises,
            headers=("Link",),
        )
        cls.get = described(get)  # type: ignore[attr-defined]  # REST framework finds methods by name

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return the rows that the caller may see; given are the values of filters that name no column themselves."""
        raise NotImplementedError

    def places(self, request: Request) -> Sequence[Places]:
        """Return where the rows lie, where no one index has them all in their order."""
        return ()

    def prepare(self, rows: list[Any]) -> None:
        """Look up what all rows of a page need, at once."""

    def show(self, row: Any) -> Shape:
        """Return one row in its shape."""
        raise NotImplementedError

    def answer(self, request: Request) -> HttpResponse:
        """Answer with one page; its links stand in the body and in the ``Link`` header (RFC 8288).

        Raises:
            FilterInvalidError: A parameter that stands twice, or that has a bad value.
        """
        given = self._given(request)
        sort = self._sort.read(SORT, given.pop(SORT, NEWEST_FIRST))
        values = {name: self.filters[name].read(name, text) for name, text in given.items()}
        rows = self.find(request, **{name: value for name, value in values.items() if not self.filters[name].lookup})
        for name, value in values.items():
            rows = self.filters[name].narrow(rows, value)
        order = Order(column=self.sorts[sort.removeprefix("-")], is_descending=sort.startswith("-"))
        page = page_of(rows, request, order, places=self.places(request))
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

    def _given(self, request: Request) -> dict[str, str]:
        """Return what is asked for besides a page."""
        for name, texts in request.query_params.lists():
            if len(texts) > 1:
                msg = f"{name} is given {len(texts)} times."
                raise FilterInvalidError(msg, remedy="Send parameters each once.")
        return {name: str(text) for name, text in request.query_params.items() if name not in {LIMIT, CURSOR}}
