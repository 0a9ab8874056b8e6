import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest
from django.db import OperationalError
from django.db.models import F

from platform_api.core import clock
from provisioning.models import Run
from provisioning.services.execution import leases
from provisioning.services.execution.claims import Claim, ClockTimestamp, LeaseLostError, LeaseTerms, run_claim
from provisioning.services.execution.leases import OVERDUE_SECONDS, Lease
from tests import databases
from tests.factories import Orders
from tests.waiting import wait_until

TERMS = LeaseTerms(lease_seconds=60, heartbeat_seconds=0.05, fence_seconds=45)


@pytest.fixture
def claim(committed_orders: Orders) -> Claim:
    committed_orders.provision()
    claim = run_claim(owner="me", pools=["default"], terms=TERMS, plan_seconds=600)
    assert claim is not None
    return claim


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("lease-")] == []


def held_until(claim: Claim) -> datetime:
    until = Run.objects.get(pk=claim.run_id).lease_until
    assert until is not None
    return until


def lease_backends() -> int:
    with databases.superuser() as server:
        found = server.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'slipway-lease'")
        (number,) = found.fetchone() or (0,)
        return int(str(number))


def test_heartbeats_extend_the_lease_by_the_clock_of_the_database(claim: Claim) -> None:
    Run.objects.filter(pk=claim.run_id).update(lease_until=ClockTimestamp())
    with Lease(claim, TERMS) as lease:
        for _ in range(2):
            before = held_until(claim)
            wait_until(lambda before=before: held_until(claim) > before)  # type: ignore[misc]  # a default binds it
        assert not lease.should_stop()
    ahead = Run.objects.values_list(F("lease_until") - ClockTimestamp(), flat=True).get(pk=claim.run_id)
    assert 50 < ahead.total_seconds() <= 60


def test_a_cancel_that_is_asked_for_is_heard(claim: Claim) -> None:
    with Lease(claim, TERMS) as lease:
        assert not lease.should_stop()
        Run.objects.filter(pk=claim.run_id).update(cancel_requested_at=ClockTimestamp())
        wait_until(lambda: lease.is_cancel_requested)
        assert lease.should_stop()
        assert not (lease.is_lost)
        assert not (lease.is_overdue)


def test_a_deadline_that_has_passed_is_heard(claim: Claim) -> None:
    with Lease(claim, TERMS) as lease:
        Run.objects.filter(pk=claim.run_id).update(deadline=ClockTimestamp())
        wait_until(lambda: lease.is_overdue)
        assert lease.should_stop()
        assert not (lease.is_lost)
        assert not (lease.is_cancel_requested)


def test_who_was_overtaken_has_lost_the_lease_for_good_and_stops_asking(claim: Claim) -> None:
    with Lease(claim, TERMS) as lease:
        Run.objects.filter(pk=claim.run_id).update(epoch=F("epoch") + 1)
        wait_until(lambda: lease.is_lost)
        Run.objects.filter(pk=claim.run_id).update(epoch=claim.epoch)
        wait_until(lambda: not lease._thread.is_alive())
        assert lease.should_stop()


def test_a_run_that_is_not_there_is_a_lost_lease(claim: Claim) -> None:
    with Lease(replace(claim, run_id=claim.resource_id), TERMS) as lease:
        wait_until(lambda: lease.is_lost)


def test_a_heartbeat_goes_on_after_its_connection_was_cut(claim: Claim) -> None:
    with Lease(claim, TERMS) as lease:
        wait_until(lambda: lease_backends() == 1)
        with databases.superuser() as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slipway-lease'"
            )
        before = held_until(claim)
        wait_until(lambda: held_until(claim) > before)
        assert not lease.should_stop()


class BootClock:
    """A boot-time clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def boot(monkeypatch: pytest.MonkeyPatch) -> BootClock:
    moved = BootClock()
    monkeypatch.setattr(clock, "boot_seconds", moved)
    return moved


def test_without_an_answer_the_worker_stops_by_itself_when_the_fence_is_reached_and_not_before(
    claim: Claim, boot: BootClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Semaphore(0)

    def nobody(**_: object) -> psycopg.Connection[tuple[object, ...]]:
        asked.release()
        raise psycopg.OperationalError("no answer")

    monkeypatch.setattr(leases, "connect_apart", nobody)
    with Lease(claim, TERMS) as lease:
        assert asked.acquire(timeout=15)
        boot.seconds += 44.9
        assert not lease.should_stop()
        boot.seconds += 0.1
        assert lease.should_stop()
        assert lease.is_lost
        boot.seconds -= 40
        assert lease.should_stop()  # for good


def test_a_heartbeat_that_waits_for_a_lock_does_not_count_as_an_answer(
    claim: Claim, boot: BootClock, committing_database: str
) -> None:
    with Lease(claim, TERMS) as lease:
        before = held_until(claim)
        wait_until(lambda: held_until(claim) > before)
        with databases.connected("DATABASE_URL", committing_database) as other, other.transaction():
            other.execute("SELECT FROM run WHERE id = %s FOR UPDATE", [claim.run_id])
            held = held_until(claim)
            boot.seconds += 45
            assert lease.should_stop()
            assert held_until(claim) == held
        assert lease.is_lost


def test_a_suspended_machine_has_lost_its_lease_when_it_wakes(claim: Claim, boot: BootClock) -> None:
    """The clock jumps by an hour at once, as it does over a suspension: the first question is told to stop."""
    with Lease(claim, replace(TERMS, heartbeat_seconds=3600)) as lease:
        assert not lease.should_stop()
        boot.seconds += 3600
        assert lease.should_stop()


def test_an_answer_counts_from_when_it_was_asked_for(claim: Claim, boot: BootClock) -> None:
    lease = Lease(claim, replace(TERMS, heartbeat_seconds=0))

    class Slow:
        """A connection whose answer takes half a minute, and is the last."""

        def execute(self, *_: object) -> "Slow":
            boot.seconds += 30
            lease._ended.set()
            return self

        def fetchone(self) -> tuple[bool, bool]:
            return False, False

    lease._beat_on(Slow())  # type: ignore[arg-type]  # as much of a connection as is used
    assert not lease.should_stop()
    boot.seconds += 15
    assert lease.should_stop()


def test_a_write_waits_for_the_database_and_no_longer_than_the_lease_may_hold(claim: Claim) -> None:
    tries = []

    def write() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("the server closed the connection unexpectedly")
        return "written"

    assert Lease(claim, LeaseTerms()).ride(write) == "written"
    assert len(tries) == 3
    late = Lease(claim, LeaseTerms(lease_seconds=2, heartbeat_seconds=1, fence_seconds=0.01))
    tries.clear()
    with pytest.raises(LeaseLostError):
        late.ride(write)
    assert len(tries) < 3


def test_what_a_write_refuses_is_not_tried_again(claim: Claim) -> None:
    def refuse() -> None:
        tries.append(1)
        raise LeaseLostError

    tries: list[int] = []
    with pytest.raises(LeaseLostError):
        Lease(claim, LeaseTerms()).ride(refuse)
    assert len(tries) == 1


def test_a_heartbeat_does_not_keep_a_run_alive_whose_worker_hangs_past_the_deadline(claim: Claim) -> None:
    late = ClockTimestamp() - timedelta(seconds=OVERDUE_SECONDS - 30)
    Run.objects.filter(pk=claim.run_id).update(deadline=late)
    with Lease(claim, TERMS) as lease:
        wait_until(lambda: lease.is_overdue)
        assert not lease.is_lost
        Run.objects.filter(pk=claim.run_id).update(deadline=late - timedelta(seconds=31))
        wait_until(lambda: lease.is_lost)
