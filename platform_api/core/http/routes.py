"""Routes: what an address stands for, without what is particular to one call."""

from django.http import HttpRequest

UNMATCHED = "(none)"
"""Stands for the route of an address that no route has."""


def route_of(request: HttpRequest) -> str:
    """Return the method and the pattern of the address, as refusals are recorded with."""
    match = request.resolver_match
    return f"{request.method} /{match.route if match else ''}"


def template_of(request: HttpRequest) -> str:
    """Return the pattern of the address alone: one of as many as there are routes."""
    match = request.resolver_match
    return f"/{match.route}" if match else UNMATCHED
