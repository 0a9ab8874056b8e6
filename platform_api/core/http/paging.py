"""Keyset paging: a page begins where another ended; it is stable under inserts and as fast at its millionth row.

Lists are ordered by id, newest first, unless they declare other columns; UUIDv7 ids sort by time. A cursor is signed
and opaque: it is good for the caller whom it was given to, for this list, filtered and sorted so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.core import signing
from django.db.models import Func, OuterRef, Q, QuerySet, UUIDField
from rest_framework.request import Request

from platform_api.core.compiled import Among
from platform_api.core.errors import MalformedError
from platform_api.core.http.document.operations import Parameter
from platform_api.core.http.filters import FilterInvalidError

DEFAULT_LIMIT = 50
MAX_LIMIT, MAX_DIGITS = 100, 3
AFTER, BEFORE = "after", "before"
LIMIT, CURSOR, SORT = "limit", "cursor", "sort"
BY_TIME = {"created_at": "pk"}
"""How every list can be sorted: ids sort by the time that they were made at."""

NEWEST_FIRST = "-created_at"


class CursorInvalidError(MalformedError):
    """Not a cursor of ours, or of another list, another filter, another order or another caller."""

    code = "invalid_cursor"
    title = "The cursor is not valid"
    remedy = "Follow the links next and previous of an answer as they are, or leave the cursor out to begin anew."


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some rows of a list, and where their neighbors are.

    Attributes:
        rows: In the order asked for.
        next: Address of the rows after them; None at the end.
        previous: Address of the rows before them; None at the beginning.
    """

    rows: list[Any]
    next: str | None
    previous: str | None


@dataclass(frozen=True, kw_only=True)
class Order:
    """How a list is sorted.

    Attributes:
        column: Text that an index sorts by, or ``pk``; rows alike in it are sorted by their ids.
        is_descending: Whether the last comes first.
    """

    column: str
    is_descending: bool

    def sorted(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows in this order, which no two rows share a place in."""
        sign = "-" if self.is_descending else ""
        columns = ["pk"] if self.column == "pk" else [self.column, "pk"]
        return rows.order_by(*(f"{sign}{column}" for column in columns))

    def beyond(self, place: list[str]) -> Q:
        """Return the condition of being after a place: first in words that an index understands, then exactly."""
        way = "lt" if self.is_descending else "gt"
        pk = UUID(place[-1])
        if self.column == "pk":
            return Q(**{f"pk__{way}": pk})
        exactly = Q(**{f"{self.column}__{way}": place[0]}) | Q(**{f"pk__{way}": pk})
        return Q(**{f"{self.column}__{way}e": place[0]}) & exactly

    def place_of(self, row: Any) -> list[str]:
        """Return where a row stands in this order."""
        return [str(row.pk)] if self.column == "pk" else [getattr(row, self.column), str(row.pk)]

    def turned(self) -> "Order":
        """Return the same order from its other end."""
        return Order(column=self.column, is_descending=not self.is_descending)


PAGING_PARAMETERS = (
    Parameter(
        LIMIT,
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        description="Rows of a page.",
        raises=(FilterInvalidError,),
    ),
    Parameter(
        CURSOR,
        {"type": "string", "minLength": 1, "maxLength": 2000},
        description="Where to go on; opaque, taken from the links of another page.",
        raises=(CursorInvalidError,),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Places where rows lie, where an index sorts those of each place, and none those of several together.

    Attributes:
        rows: The places that count, e.g. the projects that the caller sees.
        column: Column of the listed rows that names their place.
    """

    rows: QuerySet[Any]
    column: str


def page_of(queryset: QuerySet[Any], request: Request, order: Order, *, places: Sequence[Places] = ()) -> Page:
    """Return the page that the query asks for, in one query.

    Args:
        queryset: The rows.
        request: The call; says which page.
        order: Of the rows.
        places: Where they lie, each row in one at least; none where one index has them all in their order.

    Raises:
        CursorInvalidError: The cursor is not one of this list.
        FilterInvalidError: ``limit`` is not a number from 1 to 100.
    """
    limit = _limit(request)
    direction, place = _cursor(request)
    is_back = direction == BEFORE
    way = order.turned() if is_back else order
    beyond = queryset.filter(way.beyond(place)) if place else queryset
    rows = list(way.sorted(_picked(beyond, way, limit + 1, places))[: limit + 1])
    has_more, rows = len(rows) > limit, rows[:limit]
    if is_back:
        rows.reverse()
    has_next, has_previous = (True, has_more) if is_back else (has_more, bool(place))
    return Page(
        rows=rows,
        next=_link(request, AFTER, order.place_of(rows[-1])) if rows and has_next else None,
        previous=_link(request, BEFORE, order.place_of(rows[0])) if rows and has_previous else None,
    )


def _picked(rows: QuerySet[Any], order: Order, limit: int, places: Sequence[Places]) -> QuerySet[Any]:
    """Return the rows of a page, and some more perhaps, whose ids were found in indexes before anything is joined.

    Told to sort what it has joined, PostgreSQL may join all rows first: of a million, that took half a minute. As many
    of each place as the page can hold are enough, and are found in a moment wherever the page is. Their ids are given
    as an array: with ``IN``, they are but one more table to join.
    """
    if not places:
        return rows.filter(Among("pk", ArraySubquery(order.sorted(rows).values("pk")[:limit])))
    picked = [_of_each(rows, order, limit, each) for each in places]
    together = Func(*picked, template="(%(expressions)s)", arg_joiner=" || ", output_field=ArrayField(UUIDField()))
    return rows.filter(Among("pk", together))


def _of_each(rows: QuerySet[Any], order: Order, limit: int, places: Places) -> ArraySubquery:
    """Return the ids of the first rows of all places, or, where they are not sorted by their ids, of each of them."""
    of_each = order.sorted(rows.filter(**{places.column: OuterRef("pk")})).values("pk")[:limit]
    found = Func(ArraySubquery(of_each), function="unnest", output_field=UUIDField())
    ids = places.rows.annotate(found=found).order_by().values("found")
    if order.column == "pk":
        ids = ids.order_by("-found" if order.is_descending else "found")[:limit]
    return ArraySubquery(ids)


def _limit(request: Request) -> int:
    text = request.query_params.get(LIMIT, str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and 1 <= int(text) <= MAX_LIMIT):
        msg = f"limit must be a whole number from 1 to {MAX_LIMIT}."
        raise FilterInvalidError(msg)
    return int(text)


def _salt(request: Request) -> str:
    """Return what a cursor is bound to; the number of rows may change on the way."""
    narrowing = sorted((name, value) for name, value in request.query_params.items() if name not in {CURSOR, LIMIT})
    return f"cursor:{request.path}?{urlencode(narrowing)}#{getattr(request.user, 'id', None)}"


def _cursor(request: Request) -> tuple[str, list[str]]:
    text = request.query_params.get(CURSOR)
    if text is None:
        return AFTER, []
    try:
        direction, *place = signing.loads(text, salt=_salt(request))
    except signing.BadSignature as error:
        raise CursorInvalidError from error
    return direction, place


def _link(request: Request, direction: str, place: list[str]) -> str:
    query = {name: value for name, value in request.query_params.items() if name != CURSOR}
    query[CURSOR] = signing.dumps([direction, *place], salt=_salt(request))
    return f"{request.path}?{urlencode(query)}"
