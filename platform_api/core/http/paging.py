"""Keyset paging: a page begins where another ended; it is stable under inserts and as fast at its millionth row.

Lists are ordered by id, newest first; UUIDv7 ids sort by time. A cursor is signed and opaque: a caller can only bring
back one that this service gave out for this list.
"""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.db.models import Model, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

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


class KeysetPagination(BasePagination):
    """One page of a list, newest first, with links to its neighbors."""

    def paginate_queryset(  # type: ignore[override]  # only query sets are paged here, not sequences
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Model]:
        """Return the rows of the page that the query asks for, in one query.

        Raises:
            CursorInvalidError: The cursor is not one of this list.
            FilterInvalidError: ``limit`` is not a number from 1 to 100.
        """
        self.request = request
        limit = self._limit(request)
        direction, pivot = self._cursor(request)
        rows: list[Model]
        if direction == BEFORE:
            rows = list(queryset.filter(pk__gt=pivot).order_by("pk")[: limit + 1])
            has_more = len(rows) > limit
            rows = rows[:limit][::-1]
            has_next, has_previous = True, has_more
        else:
            newest_first = queryset.order_by("-pk")
            rows = list((newest_first.filter(pk__lt=pivot) if pivot else newest_first)[: limit + 1])
            has_next, has_previous = len(rows) > limit, pivot is not None
            rows = rows[:limit]
        self.next = self._link(AFTER, rows[-1].pk) if rows and has_next else None
        self.previous = self._link(BEFORE, rows[0].pk) if rows and has_previous else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Wrap the rows; the links stand in the body and in the ``Link`` header (RFC 8288)."""
        links = [f'<{url}>; rel="{rel}"' for rel, url in (("next", self.next), ("prev", self.previous)) if url]
        headers = {"Link": ", ".join(links)} if links else None
        return Response({"results": data, "next": self.next, "previous": self.previous}, headers=headers)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Tell the OpenAPI document the shape of a page."""
        link = {"type": ["string", "null"], "format": "uri-reference"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Tell the OpenAPI document the parameters of a page."""
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        return [
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "schema": limit,
                "description": "Rows a page.",
            },
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "schema": {"type": "string"},
                "description": "Opaque; taken from the links of another page.",
            },
        ]

    def _limit(self, request: Request) -> int:
        text = request.query_params.get("limit", str(DEFAULT_LIMIT))
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_LIMIT):
            msg = f"limit must be a whole number from 1 to {MAX_LIMIT}."
            raise FilterInvalidError(msg)
        return int(text)

    def _salt(self) -> str:
        return f"cursor:{self.request.path}"

    def _cursor(self, request: Request) -> tuple[str, UUID | None]:
        text = request.query_params.get("cursor")
        if text is None:
            return AFTER, None
        try:
            direction, pivot = signing.loads(text, salt=self._salt())
        except signing.BadSignature as error:
            raise CursorInvalidError from error
        return direction, UUID(pivot)

    def _link(self, direction: str, pivot: UUID) -> str:
        query = {name: value for name, value in self.request.query_params.items() if name != "cursor"}
        query["cursor"] = signing.dumps([direction, str(pivot)], salt=self._salt())
        return f"{self.request.path}?{urlencode(query)}"
