"""The routes as the resolver knows them, and what their addresses name; which there are to be, the table says."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix
from platform_api.tenancy.models.access import API_ROUTES, Route

PARAMETER = re.compile(r"\(\?P<(\w+)>[^)]*\)\\Z|<(?:\w+:)?(\w+)>")

KINDS = {
    "environment_id": Prefix.ENVIRONMENT,
    "offering": Prefix.OFFERING,
    "name": Prefix.ENVIRONMENT,
    "project": Prefix.PROJECT,
    "request_id": Prefix.PROVISIONING_REQUEST,
    "resource_id": Prefix.RESOURCE,
    "run_id": Prefix.RUN,
    "token_id": Prefix.API_TOKEN,
}
"""What the parameters of addresses are names of."""


def resolved() -> Iterator[tuple[str, Any]]:
    """Return every address that the resolver knows, with its view."""

    def walk(resolver: Any, base: str) -> Iterator[tuple[str, Any]]:
        for each in resolver.url_patterns:
            path = base + str(each.pattern)
            if isinstance(each, URLResolver):
                yield from walk(each, path)
            elif isinstance(each, URLPattern):
                yield PARAMETER.sub(lambda found: f"{{{found[1] or found[2]}}}", path), each.callback

    return walk(get_resolver(), "/")


VIEWS: dict[str, Any] = {path: view.cls for path, view in resolved() if path.startswith("/api/")}
LISTS: dict[str, dict[str, str]] = {path: view.filters for path, view in VIEWS.items() if issubclass(view, ListView)}
"""Filters of each list, by its address."""


def named(route: Route) -> list[str]:
    """Return the parameters of an address."""
    return re.findall(r"{(\w+)}", route.path)


NAMING = [(route, name) for route in API_ROUTES for name in named(route)]
"""Each parameter of each address."""


def label(value: object) -> str | None:
    """Return how a test's id tells a route."""
    return f"{value.method} {value.path}" if isinstance(value, Route) else None
