"""Worker and dispatcher as real processes: what their pages of metrics tell, and to whom."""

import signal
from datetime import timedelta
from itertools import product
from pathlib import Path

import yaml

from provisioning.models import Run
from provisioning.services.execution.claims import ClockTimestamp, LeaseTerms, run_claim
from provisioning.states import LIVE_RUN, RunStatus
from tests import databases
from tests.factories import Orders
from tests.integration.metrics.conftest import CHECKOUT, TOKEN, Start
from tests.promql import Evaluation, Page
from tests.waiting import wait_until

RULES = yaml.safe_load((CHECKOUT / "docs/alerts/slipway.rules.yml").read_text())
EXPRESSIONS = {rule["alert"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"]}


def is_applied(run: Run) -> bool:
    run.refresh_from_db()
    return run.status == RunStatus.APPLIED


def test_an_order_is_counted_on_its_way_and_what_a_killed_child_counted_stays(
    committed_orders: Orders, start: Start, tmp_path: Path
) -> None:
    dispatcher, worker = start("dispatcher"), start("worker")
    first = committed_orders.provision()
    wait_until(lambda: is_applied(first), seconds=30)
    (child,) = worker.children()
    assert child.send(signal.SIGKILL)
    wait_until(lambda: bool(worker.children()) and child not in worker.children(), seconds=30)
    second = committed_orders.provision()
    wait_until(lambda: is_applied(second), seconds=30)

    page = worker.page
    assert page.value("slipway_queue_wait_seconds_count", pool="default") == 2
    ended = {"operation": "provision", "status": "applied", "failure_class": "none"}
    assert page.value("slipway_run_outcomes_total", **ended) == 2
    assert page.value("slipway_run_outcomes_total") == 2
    fulfilled = page.value("slipway_time_to_provision_seconds_count", kind=first.resource.kind, operation="provision")
    assert fulfilled == 2
    assert dispatcher.page.value("slipway_hints_total") >= 2
    assert dispatcher.page.value("slipway_dispatcher_lag_seconds_count") == 2
    assert dispatcher.page.value("slipway_reconcile_duration_seconds_count") >= 1
    # The new child went on with the files of the one that was killed, so that they never grow in number.
    (folder,) = (tmp_path / "metrics").iterdir()
    assert {path.stem.rpartition("_")[2] for path in folder.iterdir()} == {"main", "0"}


def test_no_label_holds_what_users_choose(committed_orders: Orders, start: Start) -> None:
    dispatcher, worker = start("dispatcher"), start("worker")
    runs = [committed_orders.provision(name=f"chosen-{number}") for number in range(3)]
    wait_until(lambda: all(is_applied(run) for run in runs), seconds=40)
    for text in (dispatcher.ask().text, worker.ask().text):
        assert not [word for word in ("chosen", "checkout", "owner", "widget_user") if word in text]
    values = Page.of(worker.ask().text).label_values
    assert values["pool"] == {"default"}
    assert values["kind"] == {runs[0].resource.kind}


def test_a_lost_lease_is_counted_by_the_status_that_it_was_lost_in_and_raises_the_alert(
    committed_orders: Orders, start: Start
) -> None:
    dispatcher = start("dispatcher")
    before = dispatcher.page
    assert {before.value("slipway_leases_lost_total", status=status) for status in LIVE_RUN} == {0}
    run = committed_orders.provision()
    run_claim(owner="lost", pools=["default"], terms=LeaseTerms(), plan_seconds=60, run_id=run.pk)
    Run.objects.filter(pk=run.pk).update(lease_until=ClockTimestamp() - timedelta(seconds=1))
    wait_until(lambda: dispatcher.page.value("slipway_leases_lost_total") > 0, seconds=30)
    now = dispatcher.page
    assert now.value("slipway_leases_lost_total", status="planning") == 1
    assert now.value("slipway_leases_lost_total") == 1
    seen = Evaluation(now=now, before=before, time=now.value("slipway_reconcile_last_end_timestamp_seconds"))
    firing = {name for name, expression in EXPRESSIONS.items() if "runs_readable" not in expression}
    firing = {name for name in firing if seen.fires(EXPRESSIONS[name])}
    assert firing == {"SlipwayLeasesLost"}


def test_who_brings_another_token_finds_no_page_and_changes_nothing(committed_orders: Orders, start: Start) -> None:
    committed_orders.version  # noqa: B018 - published, so that there is something that could change
    dispatcher = start("dispatcher")
    before = databases.contents(without=[])
    for brought, method in product(["", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x"], ["GET", "HEAD"]):
        refused, missing = (dispatcher.ask(path=path, brought=brought, method=method) for path in ("/metrics", "/x"))
        assert (refused.status_code, refused.text) == (404, "")
        assert dict(refused.headers) | {"date": ""} == dict(missing.headers) | {"date": ""}
    assert dispatcher.ask(path="/metrics/x").status_code == 404
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert dispatcher.ask(method=method).status_code == 501
    assert databases.contents(without=[]) == before


def test_where_the_port_is_taken_work_goes_on_without_a_page(committed_orders: Orders, start: Start) -> None:
    dispatcher = start("dispatcher")
    worker = start("worker", SLIPWAY_WORKER_METRICS_PORT=str(dispatcher.port))
    run = committed_orders.provision()
    wait_until(lambda: is_applied(run), seconds=30)
    assert f"no metrics on 127.0.0.1:{dispatcher.port}" in worker.log.read_text()
