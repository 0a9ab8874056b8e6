"""Which form an answer has: JSON, which nearly every caller takes."""

from collections.abc import Sequence
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

TAKES_JSON = frozenset({None, "*/*", "application/json"})
"""``Accept`` as clients send it that know nothing else, or want nothing else."""


class JsonNegotiation(DefaultContentNegotiation):
    """REST framework's; a plain wish for what there is needs no weighing."""

    def select_renderer(
        self, request: Request, renderers: Sequence[Any], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """Return the renderer and its media type."""
        if len(renderers) == 1 and request.META.get("HTTP_ACCEPT") in TAKES_JSON and not request.META["QUERY_STRING"]:
            return renderers[0], renderers[0].media_type
        chosen: tuple[Any, str] = super().select_renderer(request, renderers, format_suffix)
        return chosen
