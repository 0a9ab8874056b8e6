"""Keyset paging: a page begins where another ended; it is stable under inserts and as fast at its millionth row.

Lists are ordered by id, newest first; UUIDv7 ids sort by time. A cursor is signed and opaque: a caller can only bring
back one that this service gave out for this list.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from platform_api.core.errors import MalformedError

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
AFTER, BEFORE = "after", "before"


class CursorInvalidError(MalformedError):
    """Not a cursor of ours, or of another list."""

    code = "invalid_cursor"
    title = "The cursor is not valid"
    remedy = "Follow the links next and previous of an answer, or leave the cursor out to begin at the newest."


class FilterInvalidError(MalformedError):
    """A query parameter that the list does not know, or a value that it does not take."""

    code = "invalid_filter"
    title = "The filter is not valid"


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some rows of a list, and where their neighbors are.

    Attributes:
        rows: Newest first.
        next: Address of the older rows; None at the end.
        previous: Address of the newer rows; None at the beginning.
    """

    rows: list[Any]
    next: str | None
    previous: str | None


PAGING_PARAMETERS = (
    OpenApiParameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}, description="Rows."
    ),
    OpenApiParameter("cursor", str, description="Opaque; taken from the links of another page."),
)


def page_of(queryset: QuerySet[Any], request: Request) -> Page:
    """Return the page that the query asks for, in one query.

    Raises:
        CursorInvalidError: The cursor is not one of this list.
        FilterInvalidError: ``limit`` is not a number from 1 to 100.
    """
    limit = _limit(request)
    direction, pivot = _cursor(request)
    if direction == BEFORE:
        rows = list(queryset.filter(pk__gt=pivot).order_by("pk")[: limit + 1])
        has_next, has_previous = True, len(rows) > limit
        rows = rows[:limit][::-1]
    else:
        newest_first = queryset.order_by("-pk")
        rows = list((newest_first.filter(pk__lt=pivot) if pivot else newest_first)[: limit + 1])
        has_next, has_previous = len(rows) > limit, pivot is not None
        rows = rows[:limit]
    return Page(
        rows=rows,
        next=_link(request, AFTER, rows[-1].pk) if rows and has_next else None,
        previous=_link(request, BEFORE, rows[0].pk) if rows and has_previous else None,
    )


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_LIMIT):
        msg = f"limit must be a whole number from 1 to {MAX_LIMIT}."
        raise FilterInvalidError(msg)
    return int(text)


def _salt(request: Request) -> str:
    return f"cursor:{request.path}"


def _cursor(request: Request) -> tuple[str, UUID | None]:
    text = request.query_params.get("cursor")
    if text is None:
        return AFTER, None
    try:
        direction, pivot = signing.loads(text, salt=_salt(request))
    except signing.BadSignature as error:
        raise CursorInvalidError from error
    return direction, UUID(pivot)


def _link(request: Request, direction: str, pivot: UUID) -> str:
    query = {name: value for name, value in request.query_params.items() if name != "cursor"}
    query["cursor"] = signing.dumps([direction, str(pivot)], salt=_salt(request))
    return f"{request.path}?{urlencode(query)}"
