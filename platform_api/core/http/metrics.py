"""``/metrics``: for Prometheus alone, which brings a token; to everybody else the page is not there."""

from secrets import compare_digest

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST

from platform_api.core.http import problems
from platform_api.core.http.errors import RouteMissingError
from platform_api.core.http.handlers import READING, method_refused
from platform_api.core.metrics import exposition


def page(request: HttpRequest) -> HttpResponse:
    """Answer with all figures, where the call brings ``METRICS_TOKEN``; without such a setting to nobody."""
    scheme, _, brought = request.headers.get("Authorization", "").partition(" ")
    expected = settings.METRICS_TOKEN
    is_known = bool(expected) and scheme.lower() == "bearer" and compare_digest(brought.encode(), expected.encode())
    if not is_known:
        return problems.response(RouteMissingError(), request)
    if request.method not in READING:
        return method_refused(request)
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
