"""Rotations that succeed, fail, are lost or overtaken: each password that may log in afterwards is still kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import F

from platform_api.audit.models import AuditEvent
from platform_api.terraform.client import RunEnding
from platform_api.terraform.spec import RunSpec
from platform_api.terraform.testing import TAKEN, FakeTerraform, Script
from provisioning.models import Credential, Resource, Run
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import Claim, ClockTimestamp, LeaseLostError, LeaseTerms, run_claim
from provisioning.services.execution.credentials import credentials_ensure, credentials_try
from provisioning.services.execution.limits import MAX_ATTEMPTS, MAX_RECOVERIES
from provisioning.services.reconcile import reconcile
from provisioning.states import Operation, ResourceStatus, RunStatus
from tests.credentials import kept, password_of, stand
from tests.factories import OUTPUTS, Orders, run_of, worker_make
from tests.integration.execution.facts import actions, log, points, resource_of, tables
from tests.integration.execution.terraforms import Breaking, Interfering

pytestmark = pytest.mark.django_db

GOOD = Script(outputs=OUTPUTS)
EMPTY = Script(outputs=OUTPUTS, is_empty=True)
UNPLANNED = Script(plan_ending=RunEnding.FAILED, plan_failure=TAKEN)
NOT_NOW = Script(plan_ending=RunEnding.FAILED)
HALF = Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN, ends_after=1)


def carried(run: Run, *scripts: Script) -> Run:
    assert run_carry_out(worker_make(*scripts), hint=run.pk) == run.pk
    return run_of(run.pk)


def verifier_given(run: Run, script: Script = GOOD) -> str:
    """Carry a run out, and return the verifier that Terraform was given."""
    return spec_given(run, script).variables["password_verifier"]  # type: ignore[no-any-return]  # a variable is any JSON


def spec_given(run: Run, script: Script = GOOD) -> RunSpec:
    client = FakeTerraform(script)
    run_carry_out(worker_make(client=client), hint=run.pk)
    (spec,) = client.specs
    return spec


LAST_ATTEMPT = MAX_ATTEMPTS + MAX_RECOVERIES


def claimed(run: Run) -> Claim:
    claim = run_claim(owner="lost", pools=["default"], terms=LeaseTerms(), plan_seconds=60, run_id=run.pk)
    assert claim is not None
    return claim


def lost(run: Run, **columns: object) -> None:
    """Let the run's lease pass without a sign of life, and the dispatcher come by."""
    Run.objects.filter(pk=run.pk).update(lease_until=ClockTimestamp() - timedelta(seconds=1), **columns)
    assert reconcile() == 1


def killed(run: Run, *, step: str, after: int = 0) -> str:
    """Let a worker die without a word in a step of the run; returns the verifier that Terraform had by then."""

    def die() -> None:
        # The row is put out of its worker's reach, so that nothing of what it does in dying is kept.
        Run.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1, lease_owner="dead")

    client = Interfering(die, step=step, after=after)
    run_carry_out(worker_make(client=client), hint=run.pk)
    return client.specs[0].variables["password_verifier"]  # type: ignore[no-any-return]  # as above


@pytest.fixture
def ready(orders: Orders) -> Resource:
    """A resource that was made."""
    return carried(orders.provision()).resource


@pytest.fixture
def half(orders: Orders, ready: Resource) -> Resource:
    """A resource whose rotation failed in its apply: either password may log in."""
    return carried(orders.rotate(ready), HALF).resource


def test_a_rotation_gives_terraform_a_new_verifier_and_wipes_the_former_password(
    orders: Orders, ready: Resource
) -> None:
    (before,) = kept(ready)
    run = orders.rotate(ready)
    spec = spec_given(run)
    (after,) = kept(ready)
    assert run_of(run.pk).status == RunStatus.APPLIED
    assert stand(ready) == ["replaced", "current"]
    assert (spec.variables["password_verifier"],) == tuple(after.verifiers.values())
    assert after.password != before.password
    assert set(after.verifiers.values()).isdisjoint(before.verifiers.values())
    assert {name: value for name, value in spec.variables.items() if name in ready.parameters} == ready.parameters


def test_a_rotation_leaves_resource_and_quota_as_they_were(orders: Orders, ready: Resource) -> None:
    carried(orders.rotate(ready))
    after = resource_of(ready.pk)
    assert (after.status, after.outputs, after.parameters, after.plan_id) == (
        ResourceStatus.READY,
        OUTPUTS,
        ready.parameters,
        ready.plan_id,
    )
    assert after.observed_generation == after.generation == 2
    assert points(orders.people) == (0, 1)


def test_all_that_is_kept_is_hidden_from_the_log(orders: Orders, ready: Resource) -> None:
    before = kept(ready)[0].secrets
    spec = spec_given(orders.rotate(ready))
    after = kept(ready)[0].secrets
    assert len({*before, *after}) == 4
    assert {*before, *after} <= set(spec.secrets)


def test_the_trail_tells_the_numbers_with_the_correlation_id_of_the_ask(orders: Orders, ready: Resource) -> None:
    run = orders.rotate(ready)
    assert actions(ready.pk) == ["resource.ready"]  # the first ones were nobody's to rotate
    carried(run)
    event = AuditEvent.objects.get(action="credentials.rotated")
    assert (event.object_id, event.object_name, event.actor_name) == (ready.pk, ready.name, "worker")
    assert (event.team_id, event.project_id) == (orders.people.shop.pk, orders.people.checkout.pk)
    assert (event.before, event.after, event.correlation_id) == ({"number": 1}, {"number": 2}, run.correlation_id)


def test_each_rotation_has_the_next_number(orders: Orders, ready: Resource) -> None:
    passwords = {password_of(ready)}
    for _ in range(3):
        carried(orders.rotate(resource_of(ready.pk)))
        passwords.add(password_of(ready))
    assert stand(ready) == ["replaced", "replaced", "replaced", "current"]
    assert len(passwords) == 4


def test_a_rotation_that_cannot_be_planned_is_given_up_and_its_number_is_not_used_again(
    orders: Orders, ready: Resource
) -> None:
    before = kept(ready)
    run = carried(orders.rotate(ready), UNPLANNED)
    assert (run.status, run.resource.status) == (RunStatus.ERRORED, ResourceStatus.READY)
    assert (stand(ready), kept(ready)) == (["current", "discarded"], before)
    assert points(orders.people) == (0, 1)
    carried(orders.rotate(ready))
    assert stand(ready) == ["replaced", "discarded", "current"]


@pytest.mark.parametrize("ending", [RunEnding.TIMED_OUT, RunEnding.SILENT])
def test_a_rotation_whose_plan_is_stopped_by_the_clock_is_given_up(
    orders: Orders, ready: Resource, ending: RunEnding
) -> None:
    carried(orders.rotate(ready), Script(plan_ending=ending))
    assert stand(ready) == ["current", "discarded"]


def test_the_next_attempt_goes_on_with_the_same_verifier(orders: Orders, ready: Resource) -> None:
    run = orders.rotate(ready)
    first = verifier_given(run, NOT_NOW)
    assert (run_of(run.pk).status, stand(ready)) == (RunStatus.PENDING, ["current", "pending"])
    Run.objects.filter(pk=run.pk).update(not_before=ClockTimestamp())
    assert verifier_given(run) == first
    assert stand(ready) == ["replaced", "current"]


def test_a_worker_killed_in_planning_costs_an_attempt_and_the_next_goes_on_with_the_same_verifier(
    orders: Orders, ready: Resource
) -> None:
    run = orders.rotate(ready)
    first = killed(run, step="plan")
    lost(run)
    assert (run_of(run.pk).status, stand(ready)) == (RunStatus.PENDING, ["current", "pending"])
    assert verifier_given(run) == first
    assert stand(ready) == ["replaced", "current"]


@pytest.mark.parametrize("columns", [{"attempt": MAX_ATTEMPTS}, {"cancel_requested_at": ClockTimestamp()}])
def test_a_rotation_that_was_lost_in_planning_for_good_is_given_up(
    orders: Orders, ready: Resource, columns: dict[str, Any]
) -> None:
    run = orders.rotate(ready)
    killed(run, step="plan")
    lost(run, **columns)
    assert stand(ready) == ["current", "discarded"]
    assert resource_of(ready.pk).status == ResourceStatus.READY


def test_an_apply_that_failed_keeps_both_for_either_may_log_in(orders: Orders, ready: Resource) -> None:
    before = kept(ready)
    run = carried(orders.rotate(ready), HALF)
    assert (run.status, run.resource.status) == (RunStatus.ERRORED, ResourceStatus.DEGRADED)
    assert stand(ready) == ["current", "tried"]
    assert kept(ready)[1:] == before
    assert kept(ready)[0].password is not None
    assert not AuditEvent.objects.filter(action="credentials.rotated").exists()


@pytest.mark.parametrize("operation", ["update", "rotate"])
def test_the_next_run_rolls_forward_whatever_it_is_for(orders: Orders, half: Resource, operation: str) -> None:
    (tried, former), password = kept(half), password_of(half)
    run = orders.rotate(half) if operation == "rotate" else orders.update(half)
    spec = spec_given(run)
    assert (spec.variables["password_verifier"],) == tuple(tried.verifiers.values())
    assert {*tried.secrets, *former.secrets} <= set(spec.secrets)
    assert (stand(half), password_of(half)) == (["replaced", "current"], password)
    assert resource_of(half.pk).status == ResourceStatus.READY
    event = AuditEvent.objects.get(action="credentials.rotated")
    assert (event.before, event.after) == ({"number": 1}, {"number": 2})


@pytest.mark.parametrize("operation", ["update", "rotate"])
def test_what_an_apply_may_have_put_in_place_survives_a_later_run_that_changed_nothing(
    orders: Orders, half: Resource, operation: str
) -> None:
    before = kept(half)
    carried(orders.rotate(half) if operation == "rotate" else orders.update(half), UNPLANNED)
    assert (stand(half), kept(half)) == (["current", "tried"], before)
    carried(orders.rotate(resource_of(half.pk)), HALF)  # and one that fails again
    assert (stand(half), kept(half)) == (["current", "tried"], before)


@pytest.mark.parametrize("after", [0, 1, 2, 5], ids=lambda after: f"after {after} events")
@pytest.mark.parametrize("operation", ["update", "rotate"])
def test_a_worker_killed_in_its_apply_leaves_both_and_the_next_run_rolls_forward(
    orders: Orders, ready: Resource, after: int, operation: str
) -> None:
    run = orders.rotate(ready)
    given = killed(run, step="apply", after=after)
    assert stand(ready) == ["current", "tried"]
    lost(run, attempt=LAST_ATTEMPT)
    assert (stand(ready), resource_of(ready.pk).status) == (["current", "tried"], ResourceStatus.DEGRADED)
    degraded = resource_of(ready.pk)
    again = orders.rotate(degraded) if operation == "rotate" else orders.update(degraded)
    assert verifier_given(again) == given
    assert stand(ready) == ["replaced", "current"]


@pytest.mark.parametrize("after", [0, 1, 2, 5], ids=lambda after: f"after {after} events")
def test_the_next_worker_of_a_rotation_puts_the_same_ones_in_place(orders: Orders, ready: Resource, after: int) -> None:
    run = orders.rotate(ready)
    given = killed(run, step="apply", after=after)
    lost(run)
    assert (stand(ready), resource_of(ready.pk).status) == (["current", "tried"], ResourceStatus.READY)
    assert verifier_given(run) == given
    assert (run_of(run.pk).status, stand(ready)) == (RunStatus.APPLIED, ["replaced", "current"])


def test_a_plan_that_finds_it_in_place_already_ends_the_rotation(orders: Orders, half: Resource) -> None:
    password = password_of(half)
    run = carried(orders.rotate(half), EMPTY)
    assert run.status == RunStatus.PLANNED_AND_FINISHED
    assert (stand(half), password_of(half)) == (["replaced", "current"], password)


@pytest.mark.parametrize(
    ("step", "expected"),
    [("plan", ["current", "discarded"]), ("apply", ["current", "tried"]), ("after", ["current", "tried"])],
)
def test_an_unforeseen_exception_leaves_what_may_be_in_place(
    orders: Orders, ready: Resource, step: str, expected: list[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        run_carry_out(worker_make(client=Breaking(step)), hint=orders.rotate(ready).pk)
    assert stand(ready) == expected


def test_an_update_without_anything_pending_makes_nothing(orders: Orders, ready: Resource) -> None:
    (before,) = kept(ready)
    assert (verifier_given(orders.update(ready)),) == tuple(before.verifiers.values())
    assert stand(ready) == ["current"]


def test_a_first_provision_that_failed_in_its_apply_is_finished_with_its_own_password(orders: Orders) -> None:
    degraded = carried(orders.provision(), HALF).resource
    assert stand(degraded) == ["tried"]
    password = password_of(degraded)
    carried(orders.update(degraded, plan="small"))
    assert (stand(degraded), password_of(degraded)) == (["current"], password)
    assert not AuditEvent.objects.filter(action="credentials.rotated").exists()


def test_a_rotation_finishes_a_first_provision_that_failed_in_its_apply(orders: Orders) -> None:
    degraded = carried(orders.provision(), HALF).resource
    password = password_of(degraded)
    done = carried(orders.rotate(degraded))
    assert (done.resource.status, stand(degraded), password_of(degraded)) == (
        ResourceStatus.READY,
        ["current"],
        password,
    )


def test_a_deprovision_takes_over_with_what_may_be_in_place_and_wipes_everything(
    orders: Orders, ready: Resource
) -> None:
    run = orders.rotate(ready)
    given = killed(run, step="apply", after=2)
    lost(run, attempt=LAST_ATTEMPT)
    client = FakeTerraform(GOOD)
    run_carry_out(worker_make(client=client), hint=orders.deprovision(resource_of(ready.pk)).pk)
    assert client.calls == ["plan normal", "apply", "plan destroy", "apply"]
    assert client.specs[0].variables["password_verifier"] == given
    assert (stand(ready), kept(ready)) == (["discarded", "discarded"], [])
    assert resource_of(ready.pk).status == ResourceStatus.DEPROVISIONED


def test_a_deprovision_that_waits_for_a_rotation_follows_it(orders: Orders, ready: Resource) -> None:
    run = orders.rotate(ready)
    orders.deprovision_ask(ready)
    carried(run, UNPLANNED)
    assert stand(ready) == ["current", "discarded"]
    own = Run.objects.get(resource=ready, status=RunStatus.PENDING)
    assert own.operation == Operation.DEPROVISION
    assert carried(own).resource.status == ResourceStatus.DEPROVISIONED
    assert (stand(ready), kept(ready)) == (["discarded", "discarded"], [])


def test_a_deprovision_that_fails_keeps_what_logs_in(orders: Orders, half: Resource) -> None:
    before = kept(half)
    carried(orders.deprovision(half), UNPLANNED)
    assert (stand(half), kept(half)) == (["current", "tried"], before)


def test_taking_over_is_an_apply_too(orders: Orders, ready: Resource) -> None:
    run = orders.rotate(ready)
    killed(run, step="apply", after=2)
    lost(run, attempt=LAST_ATTEMPT)
    # As if nothing was known any more: the deprovision has to make one of its own to take over with.
    Credential.objects.filter(resource=ready).update(sealed=None, discarded_at=ClockTimestamp())
    seen = []
    client = Interfering(lambda: seen.append(stand(ready)), step="apply", after=1)
    run_carry_out(worker_make(client=client), hint=orders.deprovision(resource_of(ready.pk)).pk)
    assert seen[0] == ["discarded", "discarded", "tried"]


def keep_new(claim: Claim) -> None:
    credentials_ensure(claim, manifest=run_of(claim.run_id).offering_version.manifest)


@pytest.mark.parametrize("write", [keep_new, credentials_try])
def test_an_overtaken_worker_makes_and_marks_nothing(
    orders: Orders, ready: Resource, write: Callable[[Claim], None]
) -> None:
    run = orders.rotate(ready)
    claim = claimed(run)
    if write is credentials_try:
        keep_new(claim)
    Run.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1, lease_owner="another")
    before = tables()
    with pytest.raises(LeaseLostError), transaction.atomic():  # the test's own transaction must go on
        write(claim)
    assert tables() == before


def test_what_is_tried_was_tried_before_terraform_was_told(orders: Orders, ready: Resource) -> None:
    run = orders.rotate(ready)
    seen = []
    client = Interfering(lambda: seen.append((run_of(run.pk).status, stand(ready))), step="apply")
    run_carry_out(worker_make(client=client), hint=run.pk)
    assert seen == [(RunStatus.APPLYING, ["current", "tried"])]


def test_neither_log_nor_trail_shows_a_secret(orders: Orders, ready: Resource) -> None:
    secrets = {*kept(ready)[0].secrets}
    runs = [carried(orders.rotate(ready), HALF), carried(orders.rotate(resource_of(ready.pk)))]
    secrets |= {*kept(ready)[0].secrets}
    assert len(secrets) == 4
    told = str([log(run.pk) for run in runs]) + str(tables()) + str([run.plan_summary for run in runs])
    assert str(ready.pk) in told  # what is no secret is found
    assert [secret for secret in secrets if secret in told] == []


@pytest.mark.parametrize(
    "columns",
    [
        {"sealed": None},
        {"revealed_at": ClockTimestamp()},
        {"replaced_at": ClockTimestamp(), "sealed": None},
        {"applied_at": ClockTimestamp()},
        {"discarded_at": ClockTimestamp()},
        {"number": 0},
    ],
    ids=", ".join,
)
def test_the_database_refuses_what_no_credential_can_be(half: Resource, columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="credential_"), transaction.atomic():
        Credential.objects.filter(resource=half, number=2).update(**columns)


def test_the_database_refuses_a_second_pending_one_and_the_end_of_any(half: Resource) -> None:
    with pytest.raises(IntegrityError, match="credential_is_pending_once"), transaction.atomic():
        Credential.objects.create(resource=half, number=3, sealed=b"x", made_at=ClockTimestamp())
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Credential.objects.filter(resource=half).delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM credential WHERE resource_id = %s", [half.pk])
        assert cursor.fetchone() == (2,)
