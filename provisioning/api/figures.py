"""How the queue stands, as Prometheus reads it: looked up for each scrape of the API."""

import logging
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from provisioning.selectors.figures import RunFigure, run_figures
from provisioning.states import LIVE_RUN

logger = logging.getLogger(__name__)


class RunFigures(Collector):
    """Gauges from rows. All replicas tell the same, so that who adds up replicas takes the highest."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the gauges without asking the database."""
        yield _readable(is_readable=True)
        yield from _families(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the rows. A database that does not answer costs these gauges; all others are told."""
        try:
            figures: Sequence[RunFigure] | None = run_figures()
        except DatabaseError:
            logger.warning("no figures of runs: the database did not answer in time")
            figures = None
        yield _readable(is_readable=figures is not None)
        if figures is not None:
            yield from _families(figures)


def _readable(*, is_readable: bool) -> GaugeMetricFamily:
    family = GaugeMetricFamily("slipway_runs_readable", "Whether the gauges of runs could be read from rows.")
    family.add_metric([], float(is_readable))
    return family


def _families(figures: Sequence[RunFigure]) -> Iterator[GaugeMetricFamily]:
    pools = sorted({*settings.WORKER_POOLS, *(figure.pool for figure in figures)})
    counts = {(figure.pool, figure.status.value): figure.count for figure in figures}
    runs = GaugeMetricFamily("slipway_runs", "Runs that have not ended.", labels=["pool", "status"])
    oldest = GaugeMetricFamily(
        "slipway_oldest_waiting_run_seconds", "For how long the oldest run could have begun.", labels=["pool"]
    )
    expired = GaugeMetricFamily("slipway_leases_expired", "Runs of silent workers that nobody has taken yet.")
    stalled = GaugeMetricFamily("slipway_runs_without_progress", "Runs past their deadline by more than two leases.")
    for pool in pools:
        for status in sorted(LIVE_RUN):
            runs.add_metric([pool, status], counts.get((pool, status), 0))
        waits = (figure.oldest_seconds for figure in figures if figure.pool == pool)
        oldest.add_metric([pool], max(waits, default=0.0))
    expired.add_metric([], sum(figure.expired for figure in figures))
    stalled.add_metric([], sum(figure.stalled for figure in figures))
    yield from (runs, oldest, expired, stalled)
