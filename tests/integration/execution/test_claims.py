from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from typing import Any

import pytest
from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F
from django.test.utils import CaptureQueriesContext

from platform_api.audit.models import AuditEvent
from platform_api.core.callers import system_caller
from provisioning.models import Run
from provisioning.models.runs import RUN_FORMAT
from provisioning.services import intents
from provisioning.services.execution import claims
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import (
    WORKER_VERSION,
    Claim,
    ClockTimestamp,
    LeaseTerms,
    run_claim,
    run_event,
    seconds_from_now,
)
from provisioning.services.intents import run_make_missing
from provisioning.states import RunStatus
from tests import databases
from tests.factories import Orders, run_of, worker_make
from tests.integration.execution import claim_process
from tests.integration.execution.facts import actions

PROCESSES = 8
RUNS = 20


def claimed(**differences: Any) -> Claim | None:
    arguments: Mapping[str, Any] = {
        "owner": "me",
        "pools": ["default"],
        "terms": LeaseTerms(),
        "plan_seconds": 600,
        **differences,
    }
    return run_claim(**arguments)


def test_processes_that_race_claim_each_run_once_with_epochs_of_their_own(
    committed_orders: Orders, committing_database: str
) -> None:
    runs = {committed_orders.provision().pk for _ in range(RUNS)}
    with ProcessPoolExecutor(
        PROCESSES, mp_context=get_context("spawn"), initializer=claim_process.start, initargs=(committing_database,)
    ) as pool:
        got = [each for part in pool.map(claim_process.claim_all, range(PROCESSES)) for each in part]
    assert len(got) == RUNS
    assert {run_id for run_id, _ in got} == runs
    assert len({epoch for _, epoch in got}) == RUNS
    assert set(Run.objects.values_list("status", "attempt")) == {(RunStatus.PLANNING, 1)}
    assert {tuple(actions(run_id)) for run_id in runs} == {("run.planning",)}


@pytest.mark.django_db
def test_a_claim_holds_for_the_lease_and_the_plan_for_its_deadline(orders: Orders) -> None:
    run = orders.provision()
    claim = claimed(terms=LeaseTerms(lease_seconds=60), plan_seconds=600)
    assert claim is not None
    assert (claim.run_id, claim.attempt, claim.correlation_id) == (run.pk, 1, run.correlation_id)

    def left(column: str) -> Any:
        return ExpressionWrapper(F(column) - ClockTimestamp(), output_field=DurationField())

    held = Run.objects.values("epoch", "lease_owner", "status", lease=left("lease_until"), plan_time=left("deadline"))
    row = held.get(pk=run.pk)
    assert (row["epoch"], row["lease_owner"], row["status"]) == (claim.epoch, "me", RunStatus.PLANNING)
    # Both were counted from one moment, a little before this one.
    assert row["plan_time"] - row["lease"] == pytest.approx(timedelta(seconds=540), abs=timedelta(milliseconds=50))
    assert timedelta() < row["lease"] <= timedelta(seconds=60)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "differences",
    [
        {"not_before": seconds_from_now(3600)},
        {"pool": "aws"},
        {"worker_min_version": WORKER_VERSION + 1},
    ],
    ids=["not yet", "another pool", "a newer worker"],
)
def test_a_run_that_is_not_for_this_worker_now_is_left_alone(orders: Orders, differences: dict[str, Any]) -> None:
    run = orders.provision()
    Run.objects.filter(pk=run.pk).update(**differences)
    assert claimed() is None
    assert claimed(run_id=run.pk) is None  # a hint changes nothing about it
    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.PENDING, 0)


def test_workers_of_this_release_understand_what_it_writes() -> None:
    assert WORKER_VERSION >= RUN_FORMAT


@pytest.mark.django_db
def test_a_worker_of_the_release_before_leaves_a_run_of_this_one_alone(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A format was raised; the run is made from its request, as the dispatcher makes it."""
    run = orders.provision()
    run_carry_out(worker_make(), hint=run.pk)
    ask = orders.deprovision_ask(run_of(run.pk).resource)
    monkeypatch.setattr(intents, "RUN_FORMAT", WORKER_VERSION + 1)
    made = run_make_missing(resource_id=ask.resource_id, caller=system_caller("tests"))
    assert made is not None
    assert claimed() is None
    assert claimed(run_id=made) is None
    assert run_of(made).status == RunStatus.PENDING
    monkeypatch.setattr(claims, "WORKER_VERSION", WORKER_VERSION + 1)
    newer = claimed()
    assert newer is not None
    assert newer.run_id == made


@pytest.mark.django_db
def test_a_worker_serves_each_of_its_pools(orders: Orders) -> None:
    run = orders.provision(pool="aws")
    claim = claimed(pools=["default", "aws"])
    assert claim is not None
    assert claim.run_id == run.pk


@pytest.mark.django_db
def test_the_smaller_priority_goes_first_and_then_the_older_run(orders: Orders) -> None:
    late, old, young = (orders.provision(priority=priority) for priority in (200, 100, 100))
    order = [claim.run_id for claim in iter(claimed, None)]
    assert order == [old.pk, young.pk, late.pk]


@pytest.mark.django_db
def test_a_hint_takes_this_run_and_no_other(orders: Orders) -> None:
    first, second = orders.provision(), orders.provision()
    claim = claimed(run_id=second.pk)
    assert claim is not None
    assert claim.run_id == second.pk
    assert claimed(run_id=second.pk) is None
    first.refresh_from_db()
    assert first.status == RunStatus.PENDING


def test_a_run_that_somebody_has_locked_is_passed_over_without_waiting(
    committed_orders: Orders, committing_database: str
) -> None:
    locked, free = committed_orders.provision(), committed_orders.provision()
    with databases.connected("DATABASE_URL", committing_database) as other, other.transaction():
        other.execute("SELECT FROM run WHERE id = %s FOR UPDATE", [locked.pk])
        # Waiting would never end here: the lock is held by this very test.
        assert claimed(run_id=locked.pk) is None
        claim = claimed()
        assert claim is not None
        assert claim.run_id == free.pk
    assert claimed(run_id=locked.pk) is not None


@pytest.mark.django_db
@pytest.mark.parametrize("traceparent", [f"00-{'4b' * 16}-{'1c' * 8}-01", ""])
def test_a_claim_tells_of_itself_as_any_other_move_does(orders: Orders, traceparent: str) -> None:
    run = orders.provision(traceparent=traceparent)
    claim = claimed()
    assert claim is not None
    with claim.bound():
        run_event(claim, claim.status, after={"attempt": 1, "epoch": claim.epoch, "worker": "me"})
    by_claim, by_event = AuditEvent.objects.filter(object_id=run.pk).order_by("at", "id")
    assert len(by_claim.trace_id) == len(by_event.trace_id) == 32
    own = {"id", "at", "xid", *(() if traceparent else ("trace_id",))}
    columns = [field.attname for field in AuditEvent._meta.concrete_fields if field.attname not in own]
    assert {name: getattr(by_claim, name) for name in columns} == {name: getattr(by_event, name) for name in columns}


@pytest.mark.django_db
def test_of_several_pools_the_more_urgent_run_is_claimed_first(orders: Orders) -> None:
    later, urgent = orders.provision(pool="default"), orders.provision(pool="team-a", priority=10)
    assert claimed(pools=[]) is None
    taken = [claimed(pools=["default", "team-a"]) for _ in range(2)]
    assert [claim.run_id for claim in taken if claim] == [urgent.pk, later.pk]


@pytest.mark.django_db
def test_a_claim_is_one_statement(orders: Orders) -> None:
    run = orders.provision()
    with CaptureQueriesContext(connection) as queries:
        assert claimed(run_id=run.pk) is not None
    assert len(queries) == 1
