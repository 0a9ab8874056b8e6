"""Metrics for Prometheus. Every label has a bounded number of values, whatever callers send.

Several processes answer calls, and a scrape meets one of them. Where there is a page of metrics (``METRICS_TOKEN``),
each writes its figures into files of a folder that they share (``metrics_folder``), and a scrape adds them up.
"""

import os
from collections.abc import Iterable
from secrets import compare_digest
from typing import Final

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.registry import Collector

from platform_api.core.metrics_folder import VARIABLE

REGISTRY: Final = CollectorRegistry()
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUEST_SECONDS: Final = Histogram(
    "slipway_http_request_duration_seconds",
    "Calls by route, method and class of status; without the time that a caller asked to be held.",
    ["route", "method", "status"],
    buckets=_FAST,
    registry=REGISTRY,
)
DATABASE_SECONDS: Final = Counter(
    "slipway_database_seconds", "Time in the database, by route.", ["route"], registry=REGISTRY
)
DATABASE_QUERIES: Final = Counter(
    "slipway_database_queries", "Statements sent to the database, by route.", ["route"], registry=REGISTRY
)
POLICY_SECONDS: Final = Histogram(
    "slipway_policy_duration_seconds", "Time until the policy helper answered.", buckets=_FAST, registry=REGISTRY
)
RATE_REFUSALS: Final = Counter(
    "slipway_rate_limit_refusals", "Calls refused with 429: read, write, attempt.", ["kind"], registry=REGISTRY
)
RATE_FALLBACKS: Final = Counter(
    "slipway_rate_limit_fallbacks", "Calls judged without the Valkey, because it did not answer.", registry=REGISTRY
)
WAITERS: Final = Gauge(
    "slipway_waiters", "Calls held until something ends.", multiprocess_mode="livesum", registry=REGISTRY
)
WAITS: Final = Counter(
    "slipway_waits", "Calls with ?wait= by how they ended: final, timeout, full.", ["outcome"], registry=REGISTRY
)
STREAMS: Final = Counter(
    "slipway_streams",
    "Streams of events by how they ended: end, time, left, refused, fault; full where there was no seat.",
    ["outcome"],
    registry=REGISTRY,
)
POOL: Final = Gauge(
    "slipway_database_pool",
    "The pool of connections: open, idle, and calls that queue for one.",
    ["state"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)


def exposition(also: Iterable[Collector] = ()) -> bytes:
    """Return all figures of all processes, in Prometheus' text form.

    Args:
        also: What is not counted but looked up for each scrape.
    """
    registry = CollectorRegistry()
    if VARIABLE in os.environ:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    else:
        registry.register(REGISTRY)
    for collector in also:
        registry.register(collector)
    return generate_latest(registry)


def may_read(authorization: str) -> bool:
    """Tell whether a call may read metrics: whether it brings ``METRICS_TOKEN``; without such a setting nobody may.

    Args:
        authorization: The header of that name; empty where there is none.
    """
    scheme, _, brought = authorization.partition(" ")
    expected = settings.METRICS_TOKEN
    return bool(expected) and scheme.lower() == "bearer" and compare_digest(brought.encode(), expected.encode())
