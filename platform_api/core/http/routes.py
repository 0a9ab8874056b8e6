"""Routes: what an address stands for, without what is particular to one call."""

from django.http import HttpRequest


def route_of(request: HttpRequest) -> str:
    """Return the method and the pattern of the address, as refusals are recorded with."""
    match = request.resolver_match
    return f"{request.method} /{match.route if match else ''}"
