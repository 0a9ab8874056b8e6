"""Somebody else acts while a worker works: a cancel is asked for, or another worker takes the run."""

import json
from typing import Any

import pytest
from django.db.models import F

from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import ClockTimestamp, LeaseTerms
from provisioning.states import RequestStatus, ResourceStatus, RunStatus
from tests import databases
from tests.factories import Orders, run_of, worker_make
from tests.integration.execution.facts import log, points, tables
from tests.integration.execution.terraforms import Interfering
from tests.waiting import wait_until

FIRST = "fleet_postgres_role.this"
QUICK = LeaseTerms(lease_seconds=30, heartbeat_seconds=0.05, fence_seconds=20)


class Canceling:
    """Asks a run to stop, and waits until its worker has heard of it."""

    def __init__(self, run: Run) -> None:
        self.run, self.is_heard = run, False

    def __call__(self) -> None:
        Run.objects.filter(pk=self.run.pk).update(cancel_requested_at=ClockTimestamp(), cancel_reason="Not needed.")
        for _ in range(2):  # the second heartbeat begins after the first has told of the cancel
            lease = Run.objects.get(pk=self.run.pk).lease_until
            wait_until(lambda lease=lease: Run.objects.get(pk=self.run.pk).lease_until != lease)  # type: ignore[misc]  # a default binds it
        self.is_heard = True


@pytest.mark.parametrize(
    ("step", "after", "left", "status"),
    [
        ("plan", 0, [], ResourceStatus.DEPROVISIONED),
        ("apply", 0, [], ResourceStatus.DEPROVISIONED),
        ("apply", 2, [FIRST], ResourceStatus.DEGRADED),
    ],
)
def test_a_cancel_stops_the_work_and_tells_what_is_left(
    committed_orders: Orders, step: str, after: int, left: list[str], status: ResourceStatus
) -> None:
    run = committed_orders.provision()
    cancel = Canceling(run)
    run_carry_out(worker_make(client=Interfering(cancel, step=step, after=after), terms=QUICK), hint=run.pk)
    ended = run_of(run.pk)
    assert cancel.is_heard
    assert ended.failure is not None
    assert (ended.status, ended.failure["code"]) == (RunStatus.CANCELED, "canceled")
    assert ended.failure["objects_left"] == left
    assert ended.resource.status == status
    assert ProvisioningRequest.objects.get(runs=ended).status == RequestStatus.CANCELED
    assert points(committed_orders.people) == ((1, 0) if left else (0, 0))


def test_a_cancel_that_comes_after_the_last_object_is_too_late(committed_orders: Orders) -> None:
    run = committed_orders.provision()
    cancel = Canceling(run)
    run_carry_out(worker_make(client=Interfering(cancel, step="apply", after=6), terms=QUICK), hint=run.pk)
    assert cancel.is_heard
    assert run_of(run.pk).status == RunStatus.APPLIED


def assert_reported(run: Run, before: dict[str, list[Any]], *, looks_again: bool) -> None:
    """Check that all that a worker wrote is that it was overtaken, and when its resource is to be looked at."""
    after = tables()
    (event,) = set(after.pop("audit_event")) - set(before.pop("audit_event"))
    told = json.loads(event[0])
    assert (told["action"], told["object_id"], told["code"]) == ("run.overtaken", str(run.pk), "lease_lost")
    assert told["after"]["worker"].startswith("tests:")
    seen, now = (
        [json.loads(row) | {"verify_at": None} for (row,) in content.pop("resource")] for content in (before, after)
    )
    assert (after, now) == (before, seen)
    assert (Resource.objects.get(pk=run.resource_id).verify_at is not None) == looks_again


@pytest.mark.django_db
@pytest.mark.parametrize(("step", "after"), [("plan", 0), ("plan", 3), ("apply", 0), ("apply", 3)])
def test_a_worker_that_was_overtaken_stops_and_writes_nothing_more(orders: Orders, step: str, after: int) -> None:
    run = orders.provision()
    seen = {}

    def overtake() -> None:
        Run.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1, lease_owner="another")
        seen.update(tables())

    client = Interfering(overtake, step=step, after=after)
    assert run_carry_out(worker_make(client=client), hint=run.pk) == run.pk
    assert seen
    assert_reported(run, seen, looks_again=step == "apply")
    assert run_of(run.pk).resource.status == ResourceStatus.PENDING


@pytest.mark.django_db
def test_a_run_that_has_no_owner_any_more_is_lost_too(orders: Orders) -> None:
    run = orders.provision()
    seen = {}

    def release() -> None:
        Run.objects.filter(pk=run.pk).update(lease_owner=None, lease_until=None)
        seen.update(tables())

    run_carry_out(worker_make(client=Interfering(release, step="apply")), hint=run.pk)
    assert_reported(run, seen, looks_again=True)


@pytest.mark.parametrize(("step", "after"), [("plan", 0), ("plan", 3), ("apply", 0), ("apply", 3), ("apply", 6)])
def test_connections_that_break_cost_a_run_nothing(
    committed_orders: Orders, committing_database: str, step: str, after: int
) -> None:
    run = committed_orders.provision()

    def break_off() -> None:
        with databases.superuser() as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [committing_database]
            )

    run_carry_out(worker_make(client=Interfering(break_off, step=step, after=after)), hint=run.pk)
    assert (run_of(run.pk).status, run_of(run.pk).attempt) == (RunStatus.APPLIED, 1)
    assert log(run.pk)[-1] == "Done."
    assert points(committed_orders.people) == (0, 1)
