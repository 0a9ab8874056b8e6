"""The shipped alert rules: they read what there is, fire when they should, and somebody wrote down what to do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from django.db import DatabaseError
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from platform_api.core import metrics as core
from provisioning import metrics
from provisioning.api import figures
from provisioning.api.figures import RunFigures
from provisioning.selectors.figures import RunFigure
from provisioning.states import RunStatus
from tests.promql import Evaluation, Page, selectors

ROOT: Final = Path(__file__).parents[3]
OPERATIONS: Final = (ROOT / "docs/operations.md").read_text()
RULES: Final = [
    rule
    for group in yaml.safe_load((ROOT / "docs/alerts/slipway.rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS: Final = {rule["alert"]: rule for rule in RULES}
NOW: Final = 1_000_000.0


def series() -> dict[str, set[str]]:
    """Return the labels of every series that Slipway can tell of."""
    known: dict[str, set[str]] = {}
    for collector in core.REGISTRY._collector_to_names:
        assert isinstance(collector, MetricWrapperBase)
        name, labels = collector._name, set(collector._labelnames)
        if collector._type == "histogram":
            known |= {f"{name}_bucket": {*labels, "le"}, f"{name}_count": labels, f"{name}_sum": labels}
        else:
            known[f"{name}_total" if collector._type == "counter" else name] = labels
    return known | {family.name: set(family._labelnames) for family in RunFigures().describe()}


def calls(status: str, number: int) -> None:
    for _ in range(number):
        core.REQUEST_SECONDS.labels("/api/v1/requests", "POST", status).observe(0.02)


def ends(status: str, failure_class: str, number: int) -> None:
    metrics.OUTCOMES.labels("provision", status, failure_class).inc(number)


def slow(histogram: Histogram, seconds: float) -> None:
    for _ in range(9):
        histogram.observe(seconds)


def well() -> None:
    """Let a busy hour go by in which nothing is wrong but what users do wrong."""
    calls("2xx", 1000)
    calls("4xx", 200)
    calls("5xx", 1)
    ends("applied", "none", 100)
    ends("errored", "user", 60)
    ends("errored", "platform", 1)
    metrics.QUEUE_WAIT.labels("default").observe(0.3)
    metrics.RECONCILE.observe(0.05)
    metrics.HINTS.inc(100)
    metrics.DISPATCHER_LAG.observe(0.03)
    core.POLICY_SECONDS.observe(0.004)
    core.POOL.labels("queued").set(0)
    metrics.RECONCILED.set(NOW - 4)


WELL: Final = RunFigure(
    pool="default", status=RunStatus.APPLYING, count=3, oldest_seconds=5.0, expired=0, stalled=0
)  # as it stands while `well` goes on


def stands(**columns: Any) -> Callable[[], object]:
    fields = {"pool": "default", "status": RunStatus.PENDING, "count": 1, "oldest_seconds": 0.0, "expired": 0}
    return lambda: STANDING.append(RunFigure(**{**fields, "stalled": 0, **columns}))


STANDING: Final[list[RunFigure]] = []
TRIGGERS: Final[dict[str, Callable[[], object]]] = {
    "SlipwayApiFaults": lambda: calls("5xx", 50),
    "SlipwayPoolQueues": lambda: core.POOL.labels("queued").set(1),
    "SlipwayPolicySlow": lambda: slow(core.POLICY_SECONDS, 0.9),
    "SlipwayLimitsFallback": core.RATE_FALLBACKS.inc,
    "SlipwayQueueWait": lambda: slow(metrics.QUEUE_WAIT.labels("default"), 100),
    "SlipwayRunWaits": stands(oldest_seconds=301.0),
    "SlipwayRunsUnreadable": STANDING.clear,
    "SlipwayDispatcherSilent": lambda: metrics.RECONCILED.set(NOW - 61),
    "SlipwayReconcileSlow": lambda: slow(metrics.RECONCILE, 9),
    "SlipwayBrokerFailures": metrics.BROKER_FAILURES.inc,
    "SlipwayRunsWithoutProgress": stands(stalled=1),
    "SlipwayLeasesNotTaken": stands(expired=1),
    "SlipwayLeasesLost": metrics.LEASES_LOST.labels(RunStatus.APPLYING).inc,
    "SlipwayZombies": metrics.ZOMBIES.inc,
    "SlipwayRunsErrored": lambda: ends("errored", "platform", 60),
}


def scrape(monkeypatch: pytest.MonkeyPatch) -> Page:
    def read() -> list[RunFigure]:
        if not STANDING:
            raise DatabaseError
        return STANDING

    monkeypatch.setattr(figures, "run_figures", read)
    registry = CollectorRegistry()
    registry.register(RunFigures())
    return Page.of(generate_latest(core.REGISTRY).decode(), generate_latest(registry).decode())


def firing(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> set[str]:
    """Return which alerts fire after a busy hour in which something happened, too."""
    STANDING[:] = [WELL]
    metrics.counters_begin()
    well()
    before = scrape(monkeypatch)
    well()
    happens()
    seen = Evaluation(now=scrape(monkeypatch), before=before, time=NOW)
    return {name for name, rule in ALERTS.items() if seen.fires(rule["expr"])}


def test_nothing_fires_while_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert firing(monkeypatch, lambda: None) == set()


@pytest.mark.parametrize("alert", TRIGGERS)
def test_what_an_alert_is_for_makes_it_fire_and_no_other(alert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert firing(monkeypatch, TRIGGERS[alert]) == {alert}


def test_every_alert_is_tried_here() -> None:
    assert set(TRIGGERS) == set(ALERTS)
    assert len(ALERTS) == len(RULES)


def test_what_is_not_scraped_at_all_raises_the_alerts_that_watch_the_watchers() -> None:
    nothing = Evaluation(now=Page({}), before=Page({}), time=NOW)
    fires = {name for name, rule in ALERTS.items() if nothing.fires(rule["expr"])}
    assert fires == {"SlipwayRunsUnreadable", "SlipwayDispatcherSilent"}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_reads_series_and_labels_that_there_are(alert: str) -> None:
    known = series()
    for name, labels in selectors(ALERTS[alert]["expr"]):
        assert labels <= known[name], name


def test_every_class_of_failure_but_the_users_own_is_watched() -> None:
    watched = re.search(r'failure_class=~"([^"]+)"', ALERTS["SlipwayRunsErrored"]["expr"])
    assert watched is not None
    assert {*watched[1].split("|"), "user", "policy"} == set(metrics.FAILURE_CLASSES)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_grave_it_is_and_where_it_stands_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert re.fullmatch(r"\d+m", rule.get("for", "1m"))
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/operations.md"
    assert anchor == alert.lower()
    assert re.search(rf"^#+ {alert}$", OPERATIONS, flags=re.MULTILINE)


def test_every_metric_stands_in_the_documentation() -> None:
    for name in series():
        shown = re.sub(r"_(bucket|count|sum)$", "", name)
        assert f"`{shown}" in OPERATIONS, shown
