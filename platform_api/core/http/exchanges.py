"""What is told of every call: one line in the log, and metrics; by route, so that no text of a caller is in either."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from platform_api.core import metrics, spending
from platform_api.core.callers import Caller
from platform_api.core.http.routes import UNMATCHED, template_of
from platform_api.core.ids import Prefix, show
from platform_api.core.spending import Spent

logger = logging.getLogger(__name__)

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
OTHER = "OTHER"
"""What stands for any other method: a method is whatever text a caller sends."""

QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by machines; counted, but not logged."""

POOL_SECONDS = 1.0
"""How often a process tells of its pool of connections, at most."""

_ERRORS_BEGIN = 400


@dataclass(frozen=True, kw_only=True)
class _Call:
    """What is told of one call."""

    route: str
    method: str
    status: int
    seconds: float
    spent: Spent

    @property
    def is_worth_a_line(self) -> bool:
        """Whether it is logged; files of ours have no route, and what failed without one does."""
        return self.route not in QUIET and (self.route != UNMATCHED or self.status >= _ERRORS_BEGIN)


@cache
def _told_by(route: str, method: str, hundreds: int) -> Histogram:
    return metrics.REQUEST_SECONDS.labels(route, method, f"{hundreds}xx")


@cache
def _spent_by(route: str) -> tuple[Counter, Counter]:
    return metrics.DATABASE_QUERIES.labels(route), metrics.DATABASE_SECONDS.labels(route)


def spent_count(route: str, spent: Spent) -> None:
    """Add what was spent in the database to a route's figures; a stream goes on to spend after its call was told of."""
    if spent.queries:
        queries, seconds = _spent_by(route)
        queries.inc(spent.queries)
        seconds.inc(spent.database_seconds)


class ExchangeMiddleware:
    """Measure a call, then tell of it. Costs some microseconds; docs/operations.md says how many."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._pool_told_at = 0.0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and tell."""
        began = time.perf_counter()
        with spending.Counted() as spent:
            response = self.get_response(request)
        call = _Call(
            route=template_of(request),
            method=str(request.method) if request.method in METHODS else OTHER,
            status=response.status_code,
            seconds=time.perf_counter() - began,
            spent=spent,
        )
        self._measure(call)
        if logger.isEnabledFor(logging.INFO) and call.is_worth_a_line:
            _log(call, request)
        return response

    def _measure(self, call: _Call) -> None:
        worked = max(0.0, call.seconds - call.spent.waited_seconds)
        _told_by(call.route, call.method, call.status // 100).observe(worked)
        spent_count(call.route, call.spent)
        if (now := time.monotonic()) - self._pool_told_at >= POOL_SECONDS:
            self._pool_told_at = now
            _tell_of_pool()


def _log(call: _Call, request: HttpRequest) -> None:
    caller = request.__dict__.get("user")
    # A session's user is looked up when anything of it is asked, its class included.
    known = caller if type(caller) is Caller else None
    logger.info(
        "%s %s %d in %.1f ms",
        call.method,
        call.route,
        call.status,
        call.seconds * 1000,
        extra={
            "method": call.method,
            "route": call.route,
            "status": call.status,
            "duration_ms": round(call.seconds * 1000, 3),
            "waited_ms": round(call.spent.waited_seconds * 1000, 3),
            "queries": call.spent.queries,
            "database_ms": round(call.spent.database_seconds * 1000, 3),
            "policy_ms": round(call.spent.policy_seconds * 1000, 3),
            "caller": known.name if known else None,
            "token": show(Prefix.API_TOKEN, known.token_id) if known and known.token_id else None,
        },
    )


def _tell_of_pool() -> None:
    with suppress(AttributeError):  # a process without a pool
        stats = connection.pool.get_stats()  # type: ignore[attr-defined]  # PostgreSQL's wrapper has it, the base has not
        metrics.POOL.labels("open").set(stats.get("pool_size", 0))
        metrics.POOL.labels("idle").set(stats.get("pool_available", 0))
        metrics.POOL.labels("queued").set(stats.get("requests_waiting", 0))
