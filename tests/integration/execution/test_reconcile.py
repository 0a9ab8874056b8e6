"""What the dispatcher sets right after workers and dispatchers that were lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.db.models import F

from platform_api.audit.models import AuditEvent
from platform_api.core.callers import Caller, system_caller
from platform_api.terraform.testing import Script, state_make
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.services import reaping
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import (
    RELEASED,
    Claim,
    ClockTimestamp,
    LeaseLostError,
    LeaseTerms,
    run_claim,
    run_move,
)
from provisioning.services.execution.limits import MAX_ATTEMPTS, MAX_RECOVERIES
from provisioning.services.execution.records import state_store
from provisioning.services.hinting import HINT_SECONDS, runs_to_hint
from provisioning.services.intents import run_make_missing
from provisioning.services.reconcile import reconcile
from provisioning.states import RequestStatus, ResourceStatus, RunStatus
from tests import databases
from tests.factories import OUTPUTS, Orders, run_insert, run_of, worker_make
from tests.integration.execution.facts import actions, points
from tests.integration.provisioning.together import at_once
from tests.waiting import wait_until

TO_APPLYING = (RunStatus.PLANNED, RunStatus.CONFIRMED, RunStatus.APPLYING)
ADDRESSES = ["fleet_postgres_role.this", "fleet_postgres_database.this"]
rolled_back = pytest.mark.django_db


def claimed(run: Run) -> Claim:
    claim = run_claim(owner="lost", pools=["default"], terms=LeaseTerms(), plan_seconds=60, run_id=run.pk)
    assert claim is not None
    return claim


def moved(run: Run, *statuses: RunStatus) -> Claim:
    claim = claimed(run)
    for status in statuses:
        run_move(claim, status)
    return claim


LAST_ATTEMPT = MAX_ATTEMPTS + MAX_RECOVERIES


def expire(run: Run, **columns: object) -> None:
    Run.objects.filter(pk=run.pk).update(lease_until=ClockTimestamp() - timedelta(seconds=1), **columns)


@rolled_back
def test_a_lease_that_holds_is_left_alone(orders: Orders) -> None:
    run = orders.provision()
    claimed(run)
    assert reconcile() == 0
    assert run_of(run.pk).status == RunStatus.PLANNING


@rolled_back
def test_a_planner_that_was_lost_gives_its_run_back_to_the_queue(orders: Orders) -> None:
    run = orders.provision()
    claimed(run)
    expire(run)
    assert reconcile() == 1
    again = run_of(run.pk)
    assert (again.status, again.lease_owner, again.lease_until, again.attempt) == (RunStatus.PENDING, None, None, 1)
    assert actions(run.pk) == ["run.planning", "run.pending"]
    assert AuditEvent.objects.get(action="run.pending", object_id=run.pk).correlation_id == run.correlation_id
    assert reconcile() == 0
    run_carry_out(worker_make(), hint=run.pk)
    assert (run_of(run.pk).status, run_of(run.pk).attempt) == (RunStatus.APPLIED, 2)


@rolled_back
def test_a_run_whose_planners_were_lost_too_often_ends(orders: Orders) -> None:
    run = orders.provision()
    claimed(run)
    expire(run, attempt=MAX_ATTEMPTS)
    assert reconcile() == 1
    ended = run_of(run.pk)
    assert ended.failure is not None
    assert (ended.status, ended.failure["code"], ended.failure["objects_left"]) == (
        RunStatus.ERRORED,
        "worker_lost",
        [],
    )
    assert ended.resource.status == ResourceStatus.DEPROVISIONED
    assert ProvisioningRequest.objects.get(runs=run).status == RequestStatus.FAILED
    assert points(orders.people) == (0, 0)


@rolled_back
@pytest.mark.parametrize("status", [(), TO_APPLYING[:1], TO_APPLYING[:2]], ids=["planning", "planned", "confirmed"])
def test_a_cancel_of_a_run_whose_worker_was_lost_before_the_apply_is_done(
    orders: Orders, status: tuple[RunStatus, ...]
) -> None:
    run = orders.provision()
    moved(run, *status)
    expire(run, cancel_requested_at=ClockTimestamp(), cancel_reason="Not needed.")
    assert reconcile() == 1
    ended = run_of(run.pk)
    assert ended.failure is not None
    assert (ended.status, ended.failure["code"]) == (RunStatus.CANCELED, "canceled")
    assert ended.resource.status == ResourceStatus.DEPROVISIONED
    assert ProvisioningRequest.objects.get(runs=run).status == RequestStatus.CANCELED


@rolled_back
@pytest.mark.parametrize("status", [TO_APPLYING[:1], TO_APPLYING[:2]], ids=["planned", "confirmed"])
def test_a_run_that_was_lost_between_two_steps_ends_and_does_not_stand_still(
    orders: Orders, status: tuple[RunStatus, ...]
) -> None:
    run = orders.provision()
    moved(run, *status)
    expire(run)
    assert reconcile() == 1
    ended = run_of(run.pk)
    assert ended.failure is not None
    assert (ended.status, ended.failure["code"], ended.lease_owner) == (RunStatus.ERRORED, "worker_lost", None)
    assert ended.resource.status == ResourceStatus.DEPROVISIONED


@rolled_back
@pytest.mark.parametrize("canceled", [False, True])
def test_an_apply_that_was_lost_too_often_leaves_a_degraded_resource_with_what_the_newest_state_tells(
    orders: Orders, *, canceled: bool
) -> None:
    run = orders.provision()
    claim = moved(run, *TO_APPLYING)
    for serial in (1, 2):
        state = state_make(ADDRESSES[:serial], serial=serial, lineage="one")
        state_store(claim, lineage="one", serial=serial, content=state.content)
    expire(run, attempt=LAST_ATTEMPT, **({"cancel_requested_at": ClockTimestamp()} if canceled else {}))
    assert reconcile() == 1
    ended = run_of(run.pk)
    assert ended.failure is not None
    assert (ended.status, ended.failure["code"]) == (RunStatus.ERRORED, "worker_lost")
    assert ended.failure["objects_left"] == ADDRESSES
    assert ended.resource.status == ResourceStatus.DEGRADED
    assert ProvisioningRequest.objects.get(runs=run).status == RequestStatus.FAILED
    assert points(orders.people) == (1, 0)
    assert actions(run.pk)[-2:] == ["run.recovering", "run.errored"]
    assert actions(run.resource_id) == ["resource.degraded"]


@rolled_back
def test_an_apply_that_was_lost_too_often_before_any_state_lists_what_it_was_to_make_and_can_be_given_back(
    orders: Orders,
) -> None:
    run = orders.provision()
    moved(run, *TO_APPLYING)
    planned = {"objects": [{"address": address, "action": "create"} for address in ADDRESSES]}
    expire(run, attempt=LAST_ATTEMPT, plan_summary=planned)
    reconcile()
    lost = run_of(run.pk)
    assert lost.failure is not None
    assert lost.failure["objects_left"] == ADDRESSES
    assert lost.resource.status == ResourceStatus.DEGRADED
    gone = orders.deprovision(lost.resource)
    run_carry_out(worker_make(), hint=gone.pk)
    assert run_of(gone.pk).resource.status == ResourceStatus.DEPROVISIONED
    assert points(orders.people) == (0, 0)


@rolled_back
def test_an_update_that_was_lost_in_planning_leaves_its_resource_usable(orders: Orders) -> None:
    made = orders.provision()
    run_carry_out(worker_make(), hint=made.pk)
    run = orders.update(run_of(made.pk).resource)
    claimed(run)
    expire(run, attempt=MAX_ATTEMPTS)
    reconcile()
    ended = run_of(run.pk)
    assert ended.failure is not None
    assert (ended.resource.status, ended.failure["resource_usable"]) == (ResourceStatus.READY, True)
    assert points(orders.people) == (0, 1)


@rolled_back
def test_the_lost_worker_finds_its_lease_gone_when_it_comes_back(orders: Orders) -> None:
    run = orders.provision()
    claim = claimed(run)
    expire(run)
    reconcile()
    with pytest.raises(LeaseLostError):
        run_move(claim, RunStatus.PLANNED)


@rolled_back
def test_an_intent_that_has_no_run_gets_one(orders: Orders) -> None:
    made = orders.provision()
    run_carry_out(worker_make(), hint=made.pk)
    ask = orders.deprovision_ask(run_of(made.pk).resource)
    assert reconcile() == 1
    run = Run.objects.get(provisioning_request=ask)
    assert (run.status, run.operation, run.generation, run.parameters) == (
        RunStatus.PENDING,
        "deprovision",
        2,
        ask.parameters,
    )
    assert actions(run.pk) == ["run.pending"]
    assert AuditEvent.objects.get(object_id=run.pk).correlation_id == ask.correlation_id
    assert reconcile() == 0


@rolled_back
def test_an_intent_waits_as_long_as_another_run_is_live(orders: Orders) -> None:
    run = orders.provision()
    ask = orders.deprovision_ask(run.resource)
    assert reconcile() == 0
    assert not Run.objects.filter(provisioning_request=ask).exists()


def test_two_that_make_a_missing_run_at_once_make_one(committed_orders: Orders) -> None:
    made = committed_orders.provision()
    run_carry_out(worker_make(Script(outputs=OUTPUTS)), hint=made.pk)
    ask = committed_orders.deprovision_ask(Resource.objects.get(pk=made.resource_id))
    start = threading.Barrier(6)

    def make(number: int) -> bool:
        start.wait(timeout=30)
        try:
            return run_make_missing(resource_id=made.resource_id, caller=system_caller(f"maker-{number}")) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(make, range(6))).count(True) == 1
    run = Run.objects.get(provisioning_request=ask)
    assert actions(run.pk) == ["run.pending"]


def test_of_many_dispatchers_one_takes_a_run_from_its_lost_worker(committed_orders: Orders) -> None:
    runs = [committed_orders.provision() for _ in range(3)]
    for run in runs:
        claimed(run)
        expire(run)
    assert sum(at_once(4, lambda _: reconcile())) == len(runs)
    for run in runs:
        assert actions(run.pk) == ["run.planning", "run.pending"]


def test_the_resource_is_locked_before_its_run(committed_orders: Orders, committing_database: str) -> None:
    run = committed_orders.provision()
    claimed(run)
    expire(run)
    with databases.connected("DATABASE_URL", committing_database) as other, ThreadPoolExecutor(1) as threads:
        with other.transaction():
            other.execute("SELECT FROM resource WHERE id = %s FOR NO KEY UPDATE", [run.resource_id])
            passing = threads.submit(_reconcile_apart)
            wait_until(_somebody_waits)
            # Whoever ends the run holds its resource, and wants the run: it must be free.
            other.execute("SELECT FROM run WHERE id = %s FOR NO KEY UPDATE NOWAIT", [run.pk])
        assert passing.result(timeout=30) == 1
    assert run_of(run.pk).status == RunStatus.PENDING


WAITING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:  # one transaction would see the same sessions again and again
        cursor.execute(WAITING)
        return bool(cursor.fetchone() == (True,))


def _reconcile_apart() -> int:
    try:
        return reconcile()
    finally:
        connection.close()


@rolled_back
def test_a_run_that_cannot_be_settled_stops_no_other(
    orders: Orders, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = (orders.provision() for _ in range(2))
    for run in (broken, sound):
        claimed(run)
        expire(run)
    before = reaping._move

    def move(caller: Caller, run: Run, to: RunStatus, **changes: object) -> None:
        if run.pk == broken.pk:
            raise RuntimeError("It cannot be moved.")
        before(caller, run, to, **changes)

    monkeypatch.setattr(reaping, "_move", move)
    assert reconcile() == 1
    assert (run_of(broken.pk).status, run_of(sound.pk).status) == (RunStatus.PLANNING, RunStatus.PENDING)
    assert f"run {broken.pk} could not be taken" in caplog.text


@rolled_back
def test_hints_never_exceed_the_slots_until_they_are_old(orders: Orders) -> None:
    runs = [orders.provision() for _ in range(5)]
    first = runs_to_hint(slots={"default": 3})
    assert [run.pk for run in first] == [run.pk for run in runs[:3]]
    assert runs_to_hint(slots={"default": 3}) == []
    assert [run.pk for run in runs_to_hint(slots={"default": 4})] == [runs[3].pk]  # one slot more, one hint more
    claim = claimed(runs[0])  # a worker has it, so its slot is taken still
    assert runs_to_hint(slots={"default": 4}) == []
    run_move(claim, RunStatus.ERRORED, **RELEASED)  # and now it is free again
    assert [run.pk for run in runs_to_hint(slots={"default": 4})] == [runs[4].pk]


@rolled_back
def test_a_hint_that_nobody_followed_is_repeated(orders: Orders) -> None:
    run = orders.provision()
    assert len(runs_to_hint(slots={"default": 1})) == 1
    Run.objects.filter(pk=run.pk).update(hinted_at=F("hinted_at") - timedelta(seconds=HINT_SECONDS - 1))
    assert runs_to_hint(slots={"default": 1}) == []
    Run.objects.filter(pk=run.pk).update(hinted_at=F("hinted_at") - timedelta(seconds=1.001))
    assert [each.pk for each in runs_to_hint(slots={"default": 1})] == [run.pk]


@rolled_back
def test_no_hint_is_sent_for_a_run_whose_time_has_not_come(orders: Orders) -> None:
    run = orders.provision()
    Run.objects.filter(pk=run.pk).update(not_before=ClockTimestamp() + timedelta(hours=1))
    assert runs_to_hint(slots={"default": 5}) == []


@rolled_back
def test_a_run_that_failed_for_now_is_hinted_at_when_its_time_comes(orders: Orders) -> None:
    """Its old hint is spent: it counts for nothing and holds nothing back."""
    run = orders.provision()
    runs_to_hint(slots={"default": 1})
    claim = claimed(run)
    run_move(claim, RunStatus.PENDING, lease_owner=None, lease_until=None, deadline=None)
    Run.objects.filter(pk=run.pk).update(hinted_at=F("hinted_at") - timedelta(seconds=HINT_SECONDS + 1))
    assert [each.pk for each in runs_to_hint(slots={"default": 1})] == [run.pk]


@rolled_back
def test_the_more_urgent_run_is_hinted_at_first(orders: Orders) -> None:
    orders.provision(priority=100)
    urgent = orders.provision(priority=10)
    assert [run.pk for run in runs_to_hint(slots={"default": 1})] == [urgent.pk]


@rolled_back
def test_a_second_live_run_of_a_resource_cannot_be_made(orders: Orders) -> None:
    run = orders.provision()
    ask = orders.deprovision_ask(run.resource)
    with pytest.raises(IntegrityError, match="run_is_alone_on_its_resource"):
        run_insert(ask)
