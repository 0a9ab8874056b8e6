"""``/metrics``: for Prometheus alone, which brings a token; to everybody else the page is not there."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from platform_api.core.http import problems
from platform_api.core.http.errors import RouteMissingError
from platform_api.core.http.handlers import READING, method_refused
from platform_api.core.metrics import exposition, may_read


def page(request: HttpRequest, *, also: Iterable[Collector] = ()) -> HttpResponse:
    """Answer with all figures, where the call brings ``METRICS_TOKEN``; without such a setting to nobody.

    Args:
        request: The call.
        also: What is looked up for each scrape, besides what was counted.
    """
    if not may_read(request.headers.get("Authorization", "")):
        return problems.response(RouteMissingError(), request)
    if request.method not in READING:
        return method_refused(request)
    return HttpResponse(exposition(also), content_type=CONTENT_TYPE_LATEST)
