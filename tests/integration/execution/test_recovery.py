"""An apply that ended unclean is taken up by another worker, which finds out first what is there."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F

from platform_api.core import sealing
from platform_api.core.clock import now
from platform_api.core.ids import Prefix, show
from platform_api.terraform.client import RunEnding
from platform_api.terraform.testing import DOWN, FakeTerraform, Script, state_make
from provisioning.models import LogLine, ProvisioningRequest, Resource, Run, StateVersion
from provisioning.models.logs import LogSource
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.limits import MAX_ATTEMPTS, MAX_RECOVERIES, RETRY_SECONDS
from provisioning.services.execution.records import state_newest
from provisioning.services.reconcile import reconcile
from provisioning.services.runs import run_cancel
from provisioning.states import RequestStatus, ResourceStatus, RunStatus
from tests.factories import OUTPUTS, Orders, run_of, worker_make
from tests.integration.execution.facts import actions, log, points
from tests.integration.execution.terraforms import Interfering

pytestmark = pytest.mark.django_db

FIRST, SECOND, THIRD = Script().objects
GOOD = Script(outputs=OUTPUTS)


def killed(run: Run, *, after: int) -> None:
    """Let a worker die without a word when its apply has told so many events, and its lease pass."""

    def die() -> None:
        # The row is put out of its worker's reach, so that nothing of what it does in dying is kept.
        Run.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1, lease_owner="dead")

    run_carry_out(worker_make(client=Interfering(die, step="apply", after=after)), hint=run.pk)
    Run.objects.filter(pk=run.pk).update(lease_until=ClockTimestamp() - timedelta(seconds=1))


def told(run: Run, address: str) -> None:
    """Have the log tell that an object was made, of which no state was kept."""
    last = LogLine.objects.filter(run=run).count()
    event = {
        "kind": "apply_complete",
        "address": address,
        "action": "create",
        "id_key": "id",
        "id_value": f"id of {address}",
    }
    LogLine.objects.create(
        run=run, sequence=last + 1, at=now(), source=LogSource.TERRAFORM, line=f"{address}: created", event=event
    )


def failure_of(run: Run) -> dict[str, Any]:
    failure: dict[str, Any] | None = run_of(run.pk).failure
    assert failure is not None
    return failure


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5])
def test_a_lost_apply_is_finished_by_the_next_worker_as_the_same_run(orders: Orders, after: int) -> None:
    run = orders.provision()
    killed(run, after=after)
    assert reconcile() == 1
    waiting = run_of(run.pk)
    assert (waiting.status, waiting.lease_owner, waiting.failure) == (RunStatus.RECOVERING, None, None)
    assert waiting.resource.status == ResourceStatus.PENDING
    assert reconcile() == 0
    run_carry_out(worker_make(GOOD), hint=run.pk)
    ended = run_of(run.pk)
    assert (ended.status, ended.attempt, ended.resource.status) == (RunStatus.APPLIED, 2, ResourceStatus.READY)
    assert ProvisioningRequest.objects.get(runs=run).status == RequestStatus.COMPLETED
    assert points(orders.people) == (0, 1)
    assert actions(run.pk) == [
        *("run.planning", "run.planned", "run.confirmed", "run.applying", "run.overtaken", "run.recovering"),
        *("run.recovering", "run.planning", "run.planned", "run.confirmed", "run.applying", "run.applied"),
    ]
    assert [step["name"] for step in ended.steps] == ["prepare", "recover", "plan", "policy", "apply"]


def test_the_next_worker_begins_with_the_newest_state_and_takes_over_what_it_lacks(orders: Orders) -> None:
    run = orders.provision()
    killed(run, after=3)  # the first is in the state
    told(run, SECOND)
    reconcile()
    client = FakeTerraform(GOOD)
    run_carry_out(worker_make(client=client), hint=run.pk)
    (spec,) = client.specs
    assert spec.prior_state is not None
    assert {FIRST} == {f"{each['type']}.{each['name']}" for each in json.loads(spec.prior_state)["resources"]}
    assert client.imports == [{SECOND: f"id of {SECOND}"}]
    assert any(f"made and not in it: {SECOND}; in doubt: {THIRD}" in line for line in log(run.pk))


def test_what_cannot_be_taken_over_by_its_id_is_left_to_the_plan(orders: Orders) -> None:
    run = orders.provision()
    killed(run, after=3)
    told(run, SECOND)
    reconcile()
    client = FakeTerraform(Script(outputs=OUTPUTS, knows_imports=False))
    run_carry_out(worker_make(client=client), hint=run.pk)
    assert client.imports == [{SECOND: f"id of {SECOND}"}, {}]
    assert run_of(run.pk).status == RunStatus.APPLIED


def test_a_state_that_an_earlier_attempt_left_on_the_host_is_the_one_to_begin_with(orders: Orders) -> None:
    run = orders.provision()
    killed(run, after=3)
    reconcile()
    newest = StateVersion.objects.get(run=run)
    left = state_make([FIRST, SECOND, THIRD], serial=newest.serial + 5, lineage=newest.lineage, outputs=OUTPUTS)
    client = FakeTerraform(Script(recovered=left, is_empty=True))
    run_carry_out(worker_make(client=client), hint=run.pk)
    ended = run_of(run.pk)
    assert (ended.status, ended.resource.outputs) == (RunStatus.PLANNED_AND_FINISHED, OUTPUTS)
    assert client.imports == [{}]
    assert StateVersion.objects.filter(run=run, serial=left.serial).exists()


def test_a_lost_deprovision_is_finished_by_the_next_worker(orders: Orders) -> None:
    made = orders.provision()
    run_carry_out(worker_make(GOOD), hint=made.pk)
    run = orders.deprovision(run_of(made.pk).resource)
    killed(run, after=3)
    reconcile()
    client = FakeTerraform(GOOD)
    run_carry_out(worker_make(client=client), hint=run.pk)
    assert client.calls == ["plan destroy", "apply"]
    assert client.imports == [{}]
    assert run_of(run.pk).resource.status == ResourceStatus.DEPROVISIONED
    assert points(orders.people) == (0, 0)


def test_a_run_whose_workers_are_all_lost_is_given_up_with_everything_that_may_exist(orders: Orders) -> None:
    run = orders.provision()
    for _ in range(MAX_ATTEMPTS + MAX_RECOVERIES - 1):
        killed(run, after=3)
        assert reconcile() == 1
        assert run_of(run.pk).status == RunStatus.RECOVERING
    killed(run, after=3)
    assert reconcile() == 1
    ended = run_of(run.pk)
    assert (ended.status, ended.attempt) == (RunStatus.ERRORED, MAX_ATTEMPTS + MAX_RECOVERIES)
    assert (failure_of(run)["code"], failure_of(run)["objects_left"]) == ("worker_lost", [FIRST, SECOND, THIRD])
    assert ended.resource.status == ResourceStatus.DEGRADED


def test_a_cancel_that_was_asked_for_meanwhile_is_followed_after_finding_out(orders: Orders) -> None:
    run = orders.provision()
    killed(run, after=3)
    reconcile()
    run_cancel(caller=orders.people.owner.caller, run=show(Prefix.RUN, run.pk), reason="Not needed.")
    client = FakeTerraform(GOOD)
    run_carry_out(worker_make(client=client), hint=run.pk)
    ended = run_of(run.pk)
    assert (ended.status, client.calls) == (RunStatus.CANCELED, [])
    assert failure_of(run)["objects_left"] == [FIRST, SECOND, THIRD]
    assert (ended.resource.status, points(orders.people)) == (ResourceStatus.DEGRADED, (1, 0))


def test_a_passing_failure_of_apply_is_tried_again_by_itself_after_finding_out(orders: Orders) -> None:
    run = orders.provision()
    run_carry_out(worker_make(Script(apply_ending=RunEnding.FAILED, apply_failure=DOWN, ends_after=1)), hint=run.pk)
    back = Run.objects.annotate(left=F("not_before") - ClockTimestamp()).get(pk=run.pk)
    assert (back.status, back.lease_owner, back.failure) == (RunStatus.RECOVERING, None, None)
    assert timedelta(0) < back.left <= timedelta(seconds=RETRY_SECONDS)
    assert run_carry_out(worker_make(GOOD), hint=run.pk) is None  # its time has not come
    Run.objects.filter(pk=run.pk).update(not_before=ClockTimestamp())
    run_carry_out(worker_make(GOOD), hint=run.pk)
    ended = run_of(run.pk)
    assert (ended.status, ended.attempt, ended.resource.status) == (RunStatus.APPLIED, 2, ResourceStatus.READY)
    assert "Tried again in 5 s." in "".join(log(run.pk))


def test_a_recovery_that_is_lost_in_its_plan_is_still_one(orders: Orders) -> None:
    run = orders.provision()
    killed(run, after=3)
    told(run, SECOND)
    reconcile()

    def die() -> None:
        Run.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1, lease_owner="dead")

    run_carry_out(worker_make(client=Interfering(die, step="plan")), hint=run.pk)
    Run.objects.filter(pk=run.pk).update(lease_until=ClockTimestamp() - timedelta(seconds=1))
    assert run_of(run.pk).status == RunStatus.PLANNING
    assert reconcile() == 1
    assert run_of(run.pk).status == RunStatus.PENDING
    client = FakeTerraform(GOOD)
    run_carry_out(worker_make(client=client), hint=run.pk)
    assert client.imports == [{SECOND: f"id of {SECOND}"}]
    assert run_of(run.pk).status == RunStatus.APPLIED


def test_a_recovery_that_cannot_be_planned_leaves_a_degraded_resource_with_what_may_exist(orders: Orders) -> None:
    run = orders.provision()
    killed(run, after=3)
    reconcile()
    Run.objects.filter(pk=run.pk).update(attempt=MAX_ATTEMPTS - 1)
    run_carry_out(worker_make(Script(plan_ending=RunEnding.FAILED)), hint=run.pk)
    ended = run_of(run.pk)
    assert (ended.status, ended.resource.status) == (RunStatus.ERRORED, ResourceStatus.DEGRADED)
    assert failure_of(run)["objects_left"] == [FIRST, SECOND, THIRD]
    assert points(orders.people) == (1, 0)


def test_the_log_of_a_recovered_run_has_no_gap_and_no_line_twice(orders: Orders) -> None:
    run = orders.provision()
    killed(run, after=3)
    reconcile()
    run_carry_out(worker_make(GOOD), hint=run.pk)
    lines = log(run.pk)  # checks the numbers
    assert sum(line.startswith("Attempt") for line in lines) == 2
    assert LogLine.objects.filter(run=run).count() == len(lines)


def test_a_takeover_has_the_resource_looked_at_later(orders: Orders) -> None:
    run = orders.provision()
    killed(run, after=3)
    Resource.objects.filter(pk=run.resource_id).update(verify_at=None)
    reconcile()
    left = Resource.objects.annotate(left=F("verify_at") - ClockTimestamp()).get(pk=run.resource_id).left
    assert timedelta(seconds=100) < left < timedelta(seconds=300)


def test_the_newest_state_is_the_newest_claims_whatever_the_clock_of_its_host_says(orders: Orders) -> None:
    run = orders.provision()
    killed(run, after=3)
    early = StateVersion.objects.get(run=run)
    reconcile()
    run_carry_out(worker_make(GOOD), hint=run.pk)
    newest = StateVersion.objects.filter(run=run).order_by("-serial")[0]
    assert newest.epoch > early.epoch
    content = state_newest(run.resource_id)
    assert content is not None
    assert json.loads(content)["serial"] == newest.serial
    # A host whose clock is an hour behind gives ids that come first.
    late = StateVersion(
        pk=UUID(int=early.pk.int - 1),
        resource_id=run.resource_id,
        run=run,
        epoch=newest.epoch + 1,
        lineage=newest.lineage,
        serial=newest.serial + 1,
        created_at=ClockTimestamp(),
    )
    state = state_make([FIRST], serial=late.serial, lineage=late.lineage)
    place = StateVersion.place(resource_id=run.resource_id, lineage=late.lineage, serial=late.serial)
    late.sealed = sealing.seal(state.content, place=place)
    late.save(force_insert=True)
    content = state_newest(run.resource_id)
    assert content is not None
    assert json.loads(content)["serial"] == late.serial


def test_a_run_whose_states_cannot_be_opened_any_more_can_still_be_given_up(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = orders.provision()
    killed(run, after=3)
    Run.objects.filter(pk=run.pk).update(attempt=MAX_ATTEMPTS + MAX_RECOVERIES)

    def broken(_sealed: bytes, *, place: str) -> bytes:
        raise sealing.SealBrokenError(place)

    monkeypatch.setattr(sealing, "unseal", broken)
    assert reconcile() == 1
    assert run_of(run.pk).status == RunStatus.ERRORED
    assert failure_of(run)["objects_left"] == [FIRST, SECOND, THIRD]


def test_a_deprovision_whose_taking_over_fails_for_now_is_tried_again_and_then_lists_what_is_left(
    orders: Orders,
) -> None:
    run = orders.provision()
    killed(run, after=3)
    Run.objects.filter(pk=run.pk).update(attempt=MAX_ATTEMPTS + MAX_RECOVERIES)
    reconcile()
    gone = orders.deprovision(run_of(run.pk).resource)
    half = Script(apply_ending=RunEnding.FAILED, apply_failure=DOWN, ends_after=2)
    run_carry_out(worker_make(half), hint=gone.pk)
    back = run_of(gone.pk)
    assert (back.status, back.failure, back.resource.status) == (RunStatus.PENDING, None, ResourceStatus.DEGRADED)
    Run.objects.filter(pk=gone.pk).update(not_before=ClockTimestamp(), attempt=MAX_ATTEMPTS - 1)
    run_carry_out(worker_make(half), hint=gone.pk)
    assert (run_of(gone.pk).status, run_of(gone.pk).resource.status) == (RunStatus.ERRORED, ResourceStatus.DEGRADED)
    assert failure_of(gone)["objects_left"] == [FIRST, SECOND]
