"""Answers that show or order a version say when it is outdated."""

from django.http import HttpResponse

from catalog.selectors.outdated import Outdated
from platform_api.core.http.deprecation import Deprecation


def outdated_mark(response: HttpResponse, outdated: Outdated | None) -> HttpResponse:
    """Return the answer, marked if what it is about is outdated; the offering's own page leads on."""
    if outdated is not None:
        guide = f"/api/v1/offerings/{outdated.offering}"
        Deprecation(at=outdated.deprecated_at, guide=guide, sunset_at=outdated.sunset_at).mark(response)
    return response
