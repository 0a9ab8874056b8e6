"""What a worker that was overtaken may have done late is looked for, some time later, and put right."""

from datetime import timedelta

import pytest
from django.db.models import F

from platform_api.terraform.client import RunEnding
from platform_api.terraform.testing import TAKEN, FakeTerraform, Script
from provisioning.models import Resource, Run
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.verifying import resources_to_verify
from provisioning.services.reconcile import reconcile
from provisioning.states import Operation, ResourceStatus, RunStatus
from tests.factories import OUTPUTS, Orders, run_of, worker_make
from tests.integration.execution.facts import actions, points, resource_of
from tests.integration.execution.terraforms import Interfering

pytestmark = pytest.mark.django_db

GOOD = Script(outputs=OUTPUTS)
EMPTY = Script(is_empty=True, outputs=OUTPUTS)


@pytest.fixture
def ready(orders: Orders) -> Resource:
    run = orders.provision()
    run_carry_out(worker_make(GOOD), hint=run.pk)
    return resource_of(run.resource_id)


def ask(resource: Resource, *, seconds: float = -1) -> None:
    Resource.objects.filter(pk=resource.pk).update(verify_at=ClockTimestamp() + timedelta(seconds=seconds))


def verify_of(resource: Resource) -> Run:
    return Run.objects.get(resource=resource, operation=Operation.VERIFY)


def test_a_look_is_taken_when_it_is_due_and_finds_nothing_to_do(orders: Orders, ready: Resource) -> None:
    ask(ready, seconds=60)
    assert reconcile() == 0
    ask(ready)
    assert reconcile() == 1
    run = verify_of(ready)
    assert (run.status, run.provisioning_request_id, run.parameters) == (RunStatus.PENDING, None, ready.parameters)
    run_carry_out(worker_make(EMPTY), hint=run.pk)
    after = resource_of(ready.pk)
    assert run_of(run.pk).status == RunStatus.PLANNED_AND_FINISHED
    assert (after.status, after.verify_at, after.parameters) == (ResourceStatus.READY, None, ready.parameters)
    assert (after.generation, after.observed_generation) == (1, 1)
    assert points(orders.people) == (0, 1)
    assert reconcile() == 0


def test_that_a_look_is_due_makes_nobodys_etag_stale(ready: Resource) -> None:
    ask(ready)
    assert resource_of(ready.pk).version == ready.version


def test_what_is_found_is_put_right(orders: Orders, ready: Resource) -> None:
    ask(ready)
    reconcile()
    run = verify_of(ready)
    run_carry_out(worker_make(GOOD), hint=run.pk)
    assert (run_of(run.pk).status, resource_of(ready.pk).status) == (RunStatus.APPLIED, ResourceStatus.READY)
    assert actions(run.pk)[0] == "run.pending"
    assert points(orders.people) == (0, 1)


def test_a_look_never_loses_data(orders: Orders, ready: Resource) -> None:
    ask(ready)
    reconcile()
    run = verify_of(ready)
    client = FakeTerraform(Script(outputs=OUTPUTS, replaces=("fleet_postgres_database.this",)))
    run_carry_out(worker_make(client=client), hint=run.pk)
    ended = run_of(run.pk)
    assert ended.failure is not None
    assert (ended.status, ended.failure["code"]) == (RunStatus.ERRORED, "verify_would_lose_data")
    assert client.calls == ["plan normal"]
    assert resource_of(ready.pk).status == ResourceStatus.READY
    assert points(orders.people) == (0, 1)


def test_a_look_that_fails_half_way_leaves_a_degraded_resource(orders: Orders, ready: Resource) -> None:
    ask(ready)
    reconcile()
    run = verify_of(ready)
    run_carry_out(worker_make(Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN, ends_after=1)), hint=run.pk)
    assert (run_of(run.pk).status, resource_of(ready.pk).status) == (RunStatus.ERRORED, ResourceStatus.DEGRADED)
    assert points(orders.people) == (0, 1)
    assert reconcile() == 0


def test_a_look_waits_for_the_run_that_works_and_is_left_out_for_what_is_to_go(orders: Orders, ready: Resource) -> None:
    update = orders.update(ready)
    ask(ready)
    assert resources_to_verify() == []
    assert reconcile() == 0
    run_carry_out(worker_make(GOOD), hint=update.pk)
    assert resources_to_verify() == [ready.pk]
    gone = orders.deprovision(resource_of(ready.pk))
    assert resources_to_verify() == []
    run_carry_out(worker_make(GOOD), hint=gone.pk)
    assert resources_to_verify() == [ready.pk]


def test_of_what_is_gone_whatever_is_there_is_taken_over_and_taken_down_and_once_only(
    orders: Orders, ready: Resource
) -> None:
    ask(ready)
    gone = orders.deprovision(ready)
    run_carry_out(worker_make(GOOD), hint=gone.pk)
    row = resource_of(ready.pk)
    assert reconcile() == 1
    run = verify_of(ready)
    client = FakeTerraform(GOOD)
    run_carry_out(worker_make(client=client), hint=run.pk)
    assert client.calls == ["plan normal", "apply", "plan destroy", "apply"]
    assert run_of(run.pk).status == RunStatus.APPLIED
    after = resource_of(ready.pk)
    assert (after.status, after.updated_at, after.outputs) == (ResourceStatus.DEPROVISIONED, row.updated_at, None)
    assert points(orders.people) == (0, 0)
    assert reconcile() == 0


def test_a_worker_that_notices_late_has_what_is_gone_looked_at_at_once(orders: Orders, ready: Resource) -> None:
    run = orders.update(ready)

    def overtaken() -> None:
        # Another took the run over, and ended it; then everything was given back.
        Run.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1, lease_owner="another")
        Run.objects.filter(pk=run.pk).update(
            status=RunStatus.RECOVERING, lease_owner=None, lease_until=None, deadline=None
        )
        run_carry_out(worker_make(GOOD), hint=run.pk)
        gone = orders.deprovision(resource_of(ready.pk))
        run_carry_out(worker_make(GOOD), hint=gone.pk)
        assert not Run.objects.filter(resource=ready, operation=Operation.VERIFY).exists()

    run_carry_out(worker_make(client=Interfering(overtaken, step="apply", after=3)), hint=run.pk)
    look = verify_of(ready)
    assert (look.status, look.parameters) == (RunStatus.PENDING, run.parameters)
    assert actions(run.pk)[-1] == "run.overtaken"
