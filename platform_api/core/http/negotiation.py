"""Which form an answer has: JSON, which nearly every caller takes."""

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

JSON = "application/json"
TAKES_JSON = frozenset({None, "*/*", JSON})
"""``Accept`` as clients send it that know nothing else, or want nothing else."""


class JsonNegotiation(DefaultContentNegotiation):
    """REST framework's; a plain wish for what there is needs no weighing."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and its media type."""
        if request.META.get("HTTP_ACCEPT") in TAKES_JSON and not request.META["QUERY_STRING"]:
            renderer = next(iter(renderers))
            if renderer.media_type == JSON:
                return renderer, JSON
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        return chosen
