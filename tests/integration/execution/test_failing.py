"""Runs that do not do what they are for: what is tried again, what is left, what is given back, what is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db.models import F

from platform_api.core.errors import RefusedError, UnavailableError
from platform_api.terraform.client import RunEnding
from platform_api.terraform.errors import Failure
from platform_api.terraform.testing import DOWN, TAKEN, Script
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.limits import MAX_ATTEMPTS, RETRY_SECONDS
from provisioning.states import Operation, RequestStatus, ResourceStatus, RunStatus
from tests.credentials import kept, stand
from tests.factories import OUTPUTS, Orders, run_of, worker_make
from tests.integration.execution.facts import actions, log, points, resource_of
from tests.integration.execution.terraforms import Breaking, Interfering

pytestmark = pytest.mark.django_db

PLAN_DOWN = Script(plan_ending=RunEnding.FAILED)
PLAN_TAKEN = Script(plan_ending=RunEnding.FAILED, plan_failure=TAKEN)
FIRST = "fleet_postgres_role.this"
SECOND = "fleet_postgres_database.this"


class NotThereError(UnavailableError):
    code = "provider_not_started"
    title = "The provider did not come up"


class UnusableError(RefusedError):
    code = "inputs_unusable"
    title = "The variables cannot be written"


def carried(run: Run, *scripts: Script) -> Run:
    assert run_carry_out(worker_make(*scripts), hint=run.pk) == run.pk
    return run_of(run.pk)


def due(run: Run) -> None:
    """Let the back-off pass, without waiting for it."""
    assert Run.objects.filter(pk=run.pk, not_before__gt=ClockTimestamp()).update(not_before=ClockTimestamp()) == 1


def request_of(run: Run) -> ProvisioningRequest:
    return ProvisioningRequest.objects.get(runs=run)


@pytest.fixture
def ready(orders: Orders) -> Resource:
    return carried(orders.provision(), Script(outputs=OUTPUTS)).resource


@contextmanager
def waiting_for(run: Run, *, seconds: float) -> Iterator[None]:
    """Check that the block sends the run back to wait for this long, by the database's clock."""
    before = Run.objects.annotate(clock=ClockTimestamp()).get(pk=run.pk)
    yield
    now = Run.objects.annotate(left=F("not_before") - ClockTimestamp(), clock=ClockTimestamp()).get(pk=run.pk)
    assert now.status == RunStatus.PENDING
    assert now.left <= timedelta(seconds=seconds) <= now.not_before - before.clock


def test_a_plan_that_fails_for_now_is_tried_again_later_and_each_time_later(orders: Orders) -> None:
    run = orders.provision()
    worker = worker_make(PLAN_DOWN, PLAN_DOWN, Script(outputs=OUTPUTS))
    for attempt, seconds in ((1, RETRY_SECONDS), (2, 2 * RETRY_SECONDS)):
        with waiting_for(run, seconds=seconds):
            run_carry_out(worker, hint=run.pk)
        again = run_of(run.pk)
        assert (again.attempt, again.lease_owner, again.steps, again.failure) == (attempt, None, [], None)
        assert run_carry_out(worker, hint=run.pk) is None  # not before its time
        assert (again.resource.status, points(orders.people)) == (ResourceStatus.PENDING, (1, 0))
        due(run)
    run_carry_out(worker, hint=run.pk)
    done = run_of(run.pk)
    assert (done.status, done.attempt, done.resource.status) == (RunStatus.APPLIED, 3, ResourceStatus.READY)
    lines = log(run.pk)  # numbered without gaps over three attempts
    assert [line for line in lines if line.startswith("Attempt")] == [
        f"Attempt {number} of 3 begins." for number in (1, 2, 3)
    ]
    assert actions(run.pk)[:5] == ["run.planning", "run.pending", "run.planning", "run.pending", "run.planning"]


def test_the_third_failure_is_the_last(orders: Orders) -> None:
    run = orders.provision()
    worker = worker_make(PLAN_DOWN)
    for _ in range(2):
        run_carry_out(worker, hint=run.pk)
        due(run)
    run_carry_out(worker, hint=run.pk)
    done = run_of(run.pk)
    assert (done.status, done.attempt) == (RunStatus.ERRORED, 3)
    assert done.failure is not None
    assert (done.failure["code"], done.failure["class"], done.failure["repeatable"]) == (DOWN.code, "retryable", True)


def test_a_first_provision_that_cannot_be_planned_leaves_nothing(orders: Orders) -> None:
    run = carried(orders.provision(name="orders"), PLAN_TAKEN)
    assert run.status == RunStatus.ERRORED
    assert run.failure == {
        "code": "name_taken",
        "class": "user",
        "detail": TAKEN.summary,
        "remedy": TAKEN.remedy,
        "resource_usable": False,
        "repeatable": False,
        "objects_left": [],
    }
    assert run.resource.status == ResourceStatus.DEPROVISIONED
    assert (kept(run.resource), stand(run.resource)) == ([], ["discarded"])
    assert (request_of(run).status, request_of(run).failure) == (RequestStatus.FAILED, run.failure)
    assert points(orders.people) == (0, 0)
    assert [(step["name"], step["status"]) for step in run.steps] == [("prepare", "done"), ("plan", "done")]
    assert actions(run.pk, run.resource_id, request_of(run).pk) == [
        "run.planning",
        "run.errored",
        "resource.deprovisioned",
        "request.failed",
    ]
    assert TAKEN.summary in log(run.pk)
    orders.provision(name="orders")  # the name is free again


def test_an_update_that_cannot_be_planned_leaves_the_resource_as_it_was(orders: Orders, ready: Resource) -> None:
    update = orders.update(ready, plan="red", parameters={"color": "red"})
    assert points(orders.people) == (7, 1)
    run = carried(update, PLAN_TAKEN)
    assert run.failure is not None
    assert run.failure["resource_usable"] is True
    assert request_of(run).status == RequestStatus.FAILED
    after = run.resource
    assert (after.status, after.plan.slug, after.parameters, after.outputs, after.observed_generation) == (
        ResourceStatus.READY,
        "small",
        ready.parameters,
        OUTPUTS,
        1,
    )
    assert points(orders.people) == (0, 1)


def test_a_deprovision_that_cannot_be_planned_leaves_the_resource_and_can_be_repeated(
    orders: Orders, ready: Resource
) -> None:
    run = carried(orders.deprovision(ready), PLAN_TAKEN)
    assert (run.status, run.resource.status) == (RunStatus.ERRORED, ResourceStatus.READY)
    assert points(orders.people) == (0, 1)
    again = carried(orders.deprovision(resource_of(ready.pk)))
    assert (again.status, again.resource.status) == (RunStatus.APPLIED, ResourceStatus.DEPROVISIONED)


def test_an_apply_that_fails_half_way_shows_how_far_it_came(orders: Orders) -> None:
    run = carried(orders.provision(), Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN, ends_after=2))
    assert run.progress is not None
    assert (run.progress["percent"], run.progress["done"], run.progress["total"]) == (66, 2, 3)


def test_an_apply_that_fails_half_way_leaves_a_degraded_resource_and_lists_what_exists(orders: Orders) -> None:
    run = carried(orders.provision(), Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN, ends_after=2))
    assert run.status == RunStatus.ERRORED
    assert run.failure is not None
    assert run.failure["objects_left"] == [FIRST, SECOND]
    assert run.failure["resource_usable"] is False
    assert run.resource.status == ResourceStatus.DEGRADED
    assert request_of(run).status == RequestStatus.FAILED
    assert points(orders.people) == (1, 0)  # still held
    assert actions(run.pk)[-2:] == ["run.recovering", "run.errored"]
    assert actions(run.resource_id) == ["resource.degraded"]
    gone = carried(orders.deprovision(run.resource))
    assert (gone.status, gone.resource.status) == (RunStatus.APPLIED, ResourceStatus.DEPROVISIONED)
    assert points(orders.people) == (0, 0)


def test_an_apply_that_is_known_to_have_made_nothing_leaves_nothing(orders: Orders) -> None:
    run = carried(orders.provision(), Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN))
    assert run.failure is not None
    assert run.failure["objects_left"] == []
    assert (run.status, run.resource.status) == (RunStatus.ERRORED, ResourceStatus.DEPROVISIONED)
    assert points(orders.people) == (0, 0)


@pytest.mark.parametrize("failure", [TAKEN, DOWN], ids=["that stays", "that may pass, at the last attempt"])
def test_a_failure_of_apply_ends_the_run(orders: Orders, failure: Failure) -> None:
    run = orders.provision()
    if failure.is_retryable:
        Run.objects.filter(pk=run.pk).update(attempt=MAX_ATTEMPTS - 1)
    before = run_of(run.pk).attempt
    ended = carried(run, Script(apply_ending=RunEnding.FAILED, apply_failure=failure, ends_after=1))
    assert (ended.status, ended.attempt) == (RunStatus.ERRORED, before + 1)
    assert (ended.failure or {})["objects_left"] == [FIRST]


def test_an_update_that_fails_in_apply_degrades_the_resource_and_holds_the_larger_plan(
    orders: Orders, ready: Resource
) -> None:
    run = carried(orders.update(ready, plan="red"), Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN))
    assert (run.resource.status, run.resource.plan.slug) == (ResourceStatus.DEGRADED, "small")
    assert points(orders.people) == (7, 1)
    repaired = carried(orders.update(run.resource, plan="small"), Script(outputs=OUTPUTS))
    assert repaired.resource.status == ResourceStatus.READY
    assert points(orders.people) == (0, 1)


@pytest.mark.parametrize(("ending", "code"), [(RunEnding.TIMED_OUT, "run_timed_out"), (RunEnding.SILENT, "run_silent")])
def test_a_plan_that_is_stopped_by_the_clock_changes_nothing(orders: Orders, ending: RunEnding, code: str) -> None:
    run = carried(orders.provision(), Script(plan_ending=ending))
    assert run.failure is not None
    assert (run.status, run.failure["code"], run.failure["class"]) == (RunStatus.ERRORED, code, "platform")
    assert run.resource.status == ResourceStatus.DEPROVISIONED


@pytest.mark.parametrize(("ending", "code"), [(RunEnding.TIMED_OUT, "run_timed_out"), (RunEnding.SILENT, "run_silent")])
@pytest.mark.parametrize(("made", "left"), [(0, [FIRST]), (1, [FIRST, SECOND])])
def test_an_apply_that_is_stopped_by_the_clock_leaves_its_last_object_in_doubt(
    orders: Orders, ending: RunEnding, code: str, made: int, left: list[str]
) -> None:
    run = carried(orders.provision(), Script(apply_ending=ending, ends_after=made))
    assert run.failure is not None
    assert (run.failure["code"], run.failure["objects_left"]) == (code, left)
    assert run.resource.status == ResourceStatus.DEGRADED
    assert points(orders.people) == (1, 0)


def test_a_passing_failure_of_prepare_is_tried_again(orders: Orders) -> None:
    run = orders.provision()
    with waiting_for(run, seconds=RETRY_SECONDS):
        run_carry_out(worker_make(Script(prepare_error=NotThereError("No answer."))), hint=run.pk)
    assert any("The provider did not come up No answer." in line for line in log(run.pk))


def test_a_lasting_failure_of_prepare_ends_the_run(orders: Orders) -> None:
    run = carried(orders.provision(), Script(prepare_error=UnusableError("A number is too large.")))
    assert run.failure is not None
    assert (run.status, run.failure["code"], run.failure["class"]) == (RunStatus.ERRORED, "inputs_unusable", "user")
    assert run.resource.status == ResourceStatus.DEPROVISIONED


@pytest.mark.parametrize(
    ("step", "status", "left"),
    [
        ("plan", ResourceStatus.DEPROVISIONED, []),
        ("apply", ResourceStatus.DEGRADED, [FIRST, SECOND, "fleet_postgres_grant.this"]),
        ("after", ResourceStatus.DEGRADED, [FIRST, SECOND, "fleet_postgres_grant.this"]),
    ],
)
def test_an_unforeseen_exception_ends_the_run_is_raised_and_never_shown(
    orders: Orders, step: str, status: ResourceStatus, left: list[str]
) -> None:
    run = orders.provision()
    with pytest.raises(ZeroDivisionError):
        run_carry_out(worker_make(client=Breaking(step)), hint=run.pk)
    ended = run_of(run.pk)
    assert ended.failure is not None
    assert (ended.status, ended.failure["code"]) == (RunStatus.ERRORED, "internal_error")
    assert ended.failure["objects_left"] == left
    assert ended.resource.status == status
    assert "secret" not in str(ended.failure) + str(log(run.pk)) + str(ended.steps)
    assert ended.steps[-1]["status"] == "failed"
    assert request_of(ended).status == RequestStatus.FAILED


def test_an_error_of_the_adapter_in_mid_apply_at_the_last_attempt_tells_what_was_made(orders: Orders) -> None:
    def refuse() -> None:
        raise NotThereError("No answer.")

    run = orders.provision()
    Run.objects.filter(pk=run.pk).update(attempt=MAX_ATTEMPTS - 1)
    run_carry_out(worker_make(client=Interfering(refuse, step="apply", after=3)), hint=run.pk)
    ended = run_of(run.pk)
    assert ended.failure is not None
    assert (ended.status, ended.failure["code"]) == (RunStatus.ERRORED, "provider_not_started")
    assert ended.failure["objects_left"] == [FIRST, SECOND, "fleet_postgres_grant.this"]
    assert ended.resource.status == ResourceStatus.DEGRADED
    assert points(orders.people) == (1, 0)


def test_deprovisions_that_wait_for_a_failing_first_provision_end_with_one_run_for_all(orders: Orders) -> None:
    run = orders.provision()
    asks = [orders.deprovision_ask(run.resource), orders.deprovision_ask(run.resource)]
    assert carried(run, PLAN_TAKEN).resource.status == ResourceStatus.PENDING
    own = Run.objects.exclude(pk=run.pk).get()
    assert (own.operation, own.provisioning_request_id) == (Operation.DEPROVISION, asks[-1].pk)
    assert carried(own, Script(is_empty=True)).resource.status == ResourceStatus.DEPROVISIONED
    for ask in asks:
        ask.refresh_from_db()
        assert (ask.status, ask.failure) == (RequestStatus.COMPLETED, None)


def test_a_deprovision_that_waits_for_a_provision_gets_its_run_when_that_has_ended(orders: Orders) -> None:
    run = orders.provision()
    ask = orders.deprovision_ask(run.resource)
    carried(run, Script(outputs=OUTPUTS))
    waiting = Run.objects.get(provisioning_request=ask)
    assert (waiting.status, waiting.operation, waiting.correlation_id) == (
        RunStatus.PENDING,
        Operation.DEPROVISION,
        ask.correlation_id,
    )
    assert carried(waiting).resource.status == ResourceStatus.DEPROVISIONED
    ask.refresh_from_db()
    assert ask.status == RequestStatus.COMPLETED
