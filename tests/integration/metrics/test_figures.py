"""How the queue stands, as a scrape of the API tells it from rows."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from platform_api.core import clock
from provisioning.models import Run
from provisioning.selectors import figures
from provisioning.services.execution.claims import RELEASED, ClockTimestamp, LeaseTerms, run_claim, run_move
from provisioning.states import LIVE_RUN, RunStatus
from tests import databases
from tests.factories import Orders
from tests.integration.metrics.conftest import TOKEN
from tests.promql import Evaluation, Page

FINISHED = 100_000
BLOCKS = 100
"""Of 8 KiB: what the figures may look at, however many runs have ended; the table itself has thousands."""


@pytest.fixture(autouse=True)
def _token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scraped() -> Page:
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return Page.of(answer.content.decode())


def claimed(run: Run, **columns: Any) -> None:
    assert run_claim(owner="me", pools=[run.pool], terms=LeaseTerms(), plan_seconds=60, run_id=run.pk)
    Run.objects.filter(pk=run.pk).update(**columns)


def test_runs_are_told_by_pool_and_status_and_the_oldest_that_could_begin(committed_orders: Orders) -> None:
    hour = timedelta(hours=1)
    committed_orders.provision(created_at=clock.now() - 3 * hour, not_before=clock.now() - 2 * hour)
    committed_orders.provision(not_before=clock.now() + hour)
    committed_orders.provision(pool="of-one-team")
    claimed(committed_orders.provision(created_at=clock.now() - 9 * hour, not_before=clock.now() - 9 * hour))
    page = scraped()
    assert page.value("slipway_runs_readable") == 1
    assert page.value("slipway_runs", pool="default", status="pending") == 2
    assert page.value("slipway_runs", pool="of-one-team", status="pending") == 1
    assert page.value("slipway_runs", pool="default", status="planning") == 1
    assert page.value("slipway_runs") == 4
    # Not since it was made: it was not to begin before; and not the one that a worker has.
    assert 7200 <= page.value("slipway_oldest_waiting_run_seconds", pool="default") < 7300
    assert page.value("slipway_oldest_waiting_run_seconds", pool="of-one-team") < 100
    assert page.value("slipway_leases_expired") == page.value("slipway_runs_without_progress") == 0


def test_a_run_whose_apply_has_to_be_recovered_waits_for_a_worker_too(committed_orders: Orders) -> None:
    run = committed_orders.provision(pool="of-one-team")
    claim = run_claim(owner="me", pools=[run.pool], terms=LeaseTerms(), plan_seconds=60, run_id=run.pk)
    assert claim is not None
    for status in (RunStatus.PLANNED, RunStatus.CONFIRMED, RunStatus.APPLYING, RunStatus.RECOVERING):
        run_move(claim, status)
    long_ago = clock.now() - timedelta(hours=1)
    Run.objects.update(created_at=long_ago, not_before=long_ago)
    assert scraped().value("slipway_oldest_waiting_run_seconds") == 0
    Run.objects.update(**RELEASED)
    assert scraped().value("slipway_oldest_waiting_run_seconds", pool="of-one-team") >= 3600


def test_what_nobody_has_ordered_is_told_as_nothing(committed_orders: Orders) -> None:
    page = scraped()
    told = {dict(labels)["status"] for labels in page.samples if ("__name__", "slipway_runs") in labels}
    assert told == LIVE_RUN
    assert page.value("slipway_runs") == page.value("slipway_oldest_waiting_run_seconds", pool="default") == 0


def test_runs_of_silent_workers_and_runs_far_past_their_deadline_are_told(
    committed_orders: Orders, settings: Settings
) -> None:
    now, lease = ClockTimestamp(), timedelta(seconds=settings.LEASE_SECONDS)
    claimed(committed_orders.provision(), lease_until=now - timedelta(seconds=1))
    claimed(committed_orders.provision(), deadline=now - lease)  # its worker has time to end it
    assert scraped().value("slipway_runs_without_progress") == 0
    claimed(committed_orders.provision(), deadline=now - 3 * lease)
    page = scraped()
    assert page.value("slipway_leases_expired") == 1
    assert page.value("slipway_runs_without_progress") == 1
    seen = Evaluation(now=page, before=page)
    assert seen.fires("max(slipway_runs_without_progress) > 0")
    assert seen.fires("max(slipway_leases_expired) > 0")
    assert not seen.fires("max(slipway_runs_readable) < 1 or absent(slipway_runs_readable)")


def test_a_database_that_does_not_answer_in_time_costs_these_figures_alone(
    committed_orders: Orders, committing_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "TIMEOUT_MS", 50)
    with databases.connected("DATABASE_OWNER_URL", committing_database) as owner, owner.transaction():
        owner.execute("LOCK TABLE run IN ACCESS EXCLUSIVE MODE")
        page = scraped()
    assert page.value("slipway_runs_readable") == 0
    assert ("__name__", "slipway_runs") not in {pair for labels in page.samples for pair in labels}
    assert ("__name__", "slipway_waiters") in {pair for labels in page.samples for pair in labels}
    assert scraped().value("slipway_runs_readable") == 1


def test_nobody_else_makes_the_database_look(
    committed_orders: Orders, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def forbidden() -> None:
        raise AssertionError

    monkeypatch.setattr("provisioning.api.figures.run_figures", forbidden)
    for brought in ("", "Bearer x"):
        assert Client().get("/metrics", headers={"Authorization": brought}).status_code == 404


def test_runs_that_have_ended_are_not_looked_at_however_many_they_are(
    committed_orders: Orders, committing_database: str
) -> None:
    live = [committed_orders.provision() for _ in range(3)]
    with databases.connected("DATABASE_SUPERUSER_URL", committing_database) as server:
        server.execute("SET session_replication_role = replica")  # rows may not begin where they end
        server.execute(
            f"""
            INSERT INTO run SELECT (jsonb_populate_record(run, jsonb_build_object(
                'id', gen_random_uuid(), 'status', '{RunStatus.APPLIED}', 'finished_at', now()))).*
            FROM run, generate_series(1, {FINISHED}) WHERE id = %s
            """,
            [live[0].pk],
        )
        server.execute("ANALYZE run")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {figures._FIGURES}", {"patience": 120.0})
        (shown,) = cursor.fetchone() or ("",)
    plan = (json.loads(shown) if isinstance(shown, str) else shown)[0]["Plan"]
    assert "Seq Scan" not in json.dumps(plan)
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < BLOCKS
    assert sum(figure.count for figure in figures.run_figures()) == len(live)
    assert {status for figure in figures.run_figures() for status in [figure.status]} <= LIVE_RUN
