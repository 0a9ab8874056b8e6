"""A worker that is to end takes no more, and hands over what it has; one without room takes nothing."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db.models import F

from platform_api.core import clock
from provisioning.models import PlanFile, ProvisioningRequest, Run, StateVersion
from provisioning.services.execution.admission import TOLD_SECONDS
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.draining import Drain
from provisioning.services.execution.limits import MAX_ATTEMPTS
from provisioning.services.execution.workers import Worker
from provisioning.services.hinting import runs_to_hint
from provisioning.states import RequestStatus, ResourceStatus, RunStatus
from tests.factories import Orders, run_of, worker_make
from tests.integration.execution.facts import actions, log, points, tables
from tests.integration.execution.terraforms import Interfering

pytestmark = pytest.mark.django_db


def ending_worker(*, step: str, after: int = 0) -> Worker:
    """Make a worker whose drain begins and is over when a step has told so many events."""
    drain = Drain(0)
    return replace(worker_make(client=Interfering(drain.ask, step=step, after=after)), drain=drain)


def draining_worker() -> Worker:
    drain = Drain(3600)
    drain.ask()
    return replace(worker_make(), drain=drain)


def full_worker() -> tuple[Worker, Callable[[], int]]:
    worker = worker_make()
    client = worker.client
    client.is_full = True  # type: ignore[attr-defined]  # it is the scripted one
    return worker, lambda: len(client.specs)  # type: ignore[attr-defined]


def test_a_draining_worker_claims_nothing_and_gives_the_hint_back(orders: Orders) -> None:
    run = orders.provision()
    assert [each.pk for each in runs_to_hint(slots={"default": 5})] == [run.pk]
    assert runs_to_hint(slots={"default": 5}) == []

    assert run_carry_out(draining_worker(), hint=run.pk) is None

    waiting = run_of(run.pk)
    assert (waiting.status, waiting.attempt, waiting.lease_owner) == (RunStatus.PENDING, 0, None)
    assert [each.pk for each in runs_to_hint(slots={"default": 5})] == [run.pk]


def test_a_hint_that_is_given_back_after_the_run_has_ended_changes_nothing(orders: Orders) -> None:
    run = orders.provision()
    run_carry_out(worker_make(), hint=run.pk)
    before = tables()
    run_carry_out(draining_worker(), hint=run.pk)
    assert tables() == before


def test_a_run_goes_on_while_its_worker_drains(orders: Orders) -> None:
    run, drain = orders.provision(), Drain(3600)
    worker = replace(worker_make(client=Interfering(drain.ask, step="plan")), drain=drain)
    run_carry_out(worker, hint=run.pk)
    assert drain.has_begun
    assert run_of(run.pk).status == RunStatus.APPLIED


def test_a_plan_is_handed_over_at_once_and_costs_no_attempt(orders: Orders) -> None:
    run = orders.provision(attempt=MAX_ATTEMPTS - 1)
    run_carry_out(ending_worker(step="plan"), hint=run.pk)

    handed = run_of(run.pk)
    assert (handed.status, handed.lease_owner, handed.attempt) == (RunStatus.PENDING, None, MAX_ATTEMPTS - 1)
    assert (handed.hinted_at, handed.steps, handed.failure) == (None, [], None)
    assert Run.objects.filter(pk=run.pk, not_before__lte=ClockTimestamp()).exists()
    assert ProvisioningRequest.objects.get(runs=run).status == RequestStatus.FULFILLING
    assert actions(run.pk) == ["run.planning", "run.pending"]
    assert "another one goes on" in log(run.pk)[-1]
    assert points(orders.people) == (1, 0)

    run_carry_out(worker_make(), hint=run.pk)
    done = run_of(run.pk)
    assert (done.status, done.resource.status) == (RunStatus.APPLIED, ResourceStatus.READY)
    assert log(run.pk)  # numbered without a gap across both workers


def test_an_apply_is_handed_over_with_the_state_that_it_has(orders: Orders) -> None:
    run = orders.provision()
    run_carry_out(ending_worker(step="apply", after=2), hint=run.pk)

    handed = run_of(run.pk)
    assert (handed.status, handed.lease_owner, handed.lease_until) == (RunStatus.RECOVERING, None, None)
    assert (handed.hinted_at, handed.failure, handed.finished_at) == (None, None, None)
    assert Run.objects.filter(pk=run.pk, not_before__lte=ClockTimestamp()).exists()
    assert StateVersion.objects.filter(run=run).count() == 1
    assert PlanFile.objects.filter(run=run).exists()
    assert actions(run.pk)[-2:] == ["run.applying", "run.recovering"]
    assert ProvisioningRequest.objects.get(runs=run).status == RequestStatus.FULFILLING
    assert points(orders.people) == (1, 0)


def test_a_worker_hands_nothing_over_before_the_folder_of_the_run_is_gone(orders: Orders) -> None:
    run = orders.provision()
    worker = ending_worker(step="plan")
    seen: list[str] = []
    prepare = worker.client.prepare

    class Looking:
        def __init__(self, spec: object) -> None:
            self._inner = prepare(spec)  # type: ignore[arg-type]

        def __enter__(self) -> object:
            return self._inner.__enter__()

        def __exit__(self, *error: object) -> bool | None:
            seen.append(run_of(run.pk).status)
            return self._inner.__exit__(*error)  # type: ignore[arg-type]

    worker.client.prepare = Looking  # type: ignore[method-assign,assignment]
    run_carry_out(worker, hint=run.pk)
    assert seen == [RunStatus.PLANNING]
    assert run_of(run.pk).status == RunStatus.PENDING


def test_who_has_lost_the_run_hands_nothing_over(orders: Orders) -> None:
    run, drain = orders.provision(), Drain(0)

    def overtake() -> None:
        drain.ask()
        Run.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1, lease_owner="another")

    worker = replace(worker_make(client=Interfering(overtake, step="plan")), drain=drain)
    run_carry_out(worker, hint=run.pk)
    theirs = run_of(run.pk)
    assert (theirs.status, theirs.lease_owner) == (RunStatus.PLANNING, "another")


def test_a_full_disk_leaves_runs_and_hints_to_others_until_there_is_room(orders: Orders) -> None:
    run = orders.provision()
    runs_to_hint(slots={"default": 5})
    worker, prepared = full_worker()

    assert run_carry_out(worker, hint=run.pk) is None

    waiting = run_of(run.pk)
    assert (waiting.status, waiting.attempt, waiting.hinted_at, prepared()) == (RunStatus.PENDING, 0, None, 0)
    worker.client.is_full = False  # type: ignore[attr-defined]
    assert run_carry_out(worker, hint=run.pk) == run.pk
    assert run_of(run.pk).status == RunStatus.APPLIED


def test_a_full_disk_is_told_of_once_in_a_while(
    orders: Orders, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(clock, "boot_seconds", lambda: now)
    run = orders.provision()
    worker, _ = full_worker()
    with caplog.at_level(logging.WARNING, logger="provisioning.services.execution.admission"):
        for _ in range(5):
            run_carry_out(worker, hint=run.pk)
        assert len(caplog.records) == 1
        now += TOLD_SECONDS
        run_carry_out(worker, hint=run.pk)
    assert len(caplog.records) == 2
    assert "Make room" in caplog.text
