"""Runs that do what they are for: each operation, what it leaves, and who can read it."""

import pytest

from platform_api.audit.models import AuditEvent
from platform_api.core import sealing
from platform_api.core.sealing import SealBrokenError
from platform_api.terraform.state import StateVersion as TerraformState
from platform_api.terraform.testing import FakeTerraform, Script, state_make
from provisioning.models import PlanFile, ProvisioningRequest, Resource, Run, StateVersion
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import LeaseTerms, run_claim
from provisioning.services.execution.records import RunLog
from provisioning.states import RequestStatus, ResourceStatus, RunStatus
from tests.credentials import kept, password_of, stand
from tests.factories import ADMIN_PASSWORD, OUTPUTS, Orders, run_of, worker_make
from tests.integration.execution.facts import actions, log, points
from tests.integration.execution.terraforms import FallingSilent

pytestmark = pytest.mark.django_db


def carried(run: Run, *scripts: Script) -> Run:
    assert run_carry_out(worker_make(*scripts), hint=run.pk) == run.pk
    return run_of(run.pk)


@pytest.fixture
def ready(orders: Orders) -> Resource:
    """A resource that was made."""
    return carried(orders.provision()).resource


def test_a_provision_makes_the_resource_ready_and_completes_the_request(orders: Orders) -> None:
    run = carried(orders.provision())
    assert (run.status, run.failure, run.attempt) == (RunStatus.APPLIED, None, 1)
    assert (run.lease_owner, run.lease_until, run.deadline) == (None, None, None)
    assert run.finished_at is not None
    resource = run.resource
    assert (resource.status, resource.observed_generation, resource.outputs) == (ResourceStatus.READY, 1, OUTPUTS)
    request = ProvisioningRequest.objects.get(runs=run)
    assert request.status == RequestStatus.COMPLETED
    assert request.completed_at is not None
    assert points(orders.people) == (0, 1)


def test_steps_and_progress_tell_what_was_done(orders: Orders) -> None:
    run = carried(orders.provision())
    assert [(step["name"], step["status"]) for step in run.steps] == [
        ("prepare", "done"),
        ("plan", "done"),
        ("policy", "done"),
        ("apply", "done"),
    ]
    assert all(step["seconds"] >= 0 for step in run.steps)
    assert run.progress == {"percent": 100, "done": 3, "total": 3, "current": ""}
    assert run.plan_summary is not None
    assert (run.plan_summary["add"], run.plan_summary["destroy"]) == (3, 0)


def test_each_transition_has_exactly_one_event_with_the_correlation_id_of_the_ask(orders: Orders) -> None:
    run = carried(orders.provision())
    assert actions(run.pk) == [
        "run.planning",
        "run.planned",
        "run.confirmed",
        "run.applying",
        "run.applied",
    ]
    assert actions(run.resource_id) == ["resource.ready"]
    assert run.provisioning_request is not None
    assert actions(run.provisioning_request.pk) == ["request.completed"]
    by_worker = AuditEvent.objects.filter(actor_name="worker")
    assert set(by_worker.values_list("correlation_id", flat=True)) == {run.correlation_id}


def test_the_log_tells_the_whole_story_in_order(orders: Orders) -> None:
    lines = log(carried(orders.provision()).pk)
    assert lines[0] == "Attempt 1 of 3 begins."
    assert "Plan: 3 to add, 0 to change, 0 to replace, 0 to destroy." in lines
    assert lines[-1] == "Done."


def test_every_state_is_kept_sealed_and_opens_at_its_own_place_only(orders: Orders) -> None:
    run = carried(orders.provision())
    versions = list(StateVersion.objects.filter(run=run).order_by("serial"))
    assert [version.serial for version in versions] == [1, 2, 3]
    assert {version.epoch for version in versions} == {run.epoch}
    first, last = versions[0], versions[-1]
    place = StateVersion.place(resource_id=run.resource_id, lineage=last.lineage, serial=last.serial)
    assert len(TerraformState.parse(sealing.unseal(bytes(last.sealed), place=place)).addresses) == 3
    assert b"fleet_postgres" not in bytes(last.sealed)
    with pytest.raises(SealBrokenError):
        sealing.unseal(bytes(first.sealed), place=place)


def test_the_plan_that_was_judged_is_kept_sealed_with_its_digest(orders: Orders) -> None:
    run = carried(orders.provision())
    kept = PlanFile.objects.get(run=run)
    assert kept.digest == run.plan_digest != ""
    assert b'"mode"' in sealing.unseal(bytes(kept.sealed), place=f"plan_file/{run.pk}/{kept.digest}")
    with pytest.raises(SealBrokenError):
        sealing.unseal(bytes(kept.sealed), place=f"plan_file/{run.pk}/sha256:another")


def test_terraform_gets_verifiers_and_parameters_and_never_the_password(orders: Orders) -> None:
    client = FakeTerraform(Script(outputs=OUTPUTS))
    run = orders.provision()
    run_carry_out(worker_make(client=client), hint=run.pk)
    (spec,) = client.specs
    resource = run_of(run.pk).resource
    password = password_of(resource)
    assert spec.variables["password_verifier"].startswith("SCRAM-SHA-256$")
    assert (spec.variables["name"], spec.variables["color"]) == (resource.physical_name, "blue")
    assert password not in str(spec.variables)
    assert {password, spec.variables["password_verifier"]} <= set(spec.secrets)
    assert ADMIN_PASSWORD not in repr(spec)


def test_an_update_plans_on_the_newest_state_and_charges_the_new_plan(orders: Orders, ready: Resource) -> None:
    client = FakeTerraform(Script(outputs={**OUTPUTS, "host": "elsewhere"}))
    update = orders.update(ready, plan="red", parameters={"color": "red"})
    assert points(orders.people) == (7, 1)
    run_carry_out(worker_make(client=client), hint=update.pk)
    run = run_of(update.pk)
    assert run.status == RunStatus.APPLIED
    resource = run.resource
    assert (resource.plan.slug, resource.parameters["color"], resource.observed_generation) == ("red", "red", 2)
    assert resource.outputs == {**OUTPUTS, "host": "elsewhere"}
    assert points(orders.people) == (0, 8)
    assert client.specs[0].prior_state is not None
    assert TerraformState.parse(client.specs[0].prior_state).serial == 3
    assert actions(resource.pk) == ["resource.ready"]  # it stood there already: no second move


def test_an_update_keeps_the_password_that_its_owner_has(orders: Orders, ready: Resource) -> None:
    before = kept(ready)
    run = carried(orders.update(ready))
    assert kept(run.resource) == before
    assert stand(ready) == ["current"]


def test_a_deprovision_destroys_and_gives_everything_back(orders: Orders, ready: Resource) -> None:
    client = FakeTerraform()
    deprovision = orders.deprovision(ready)
    run_carry_out(worker_make(client=client), hint=deprovision.pk)
    run = run_of(deprovision.pk)
    resource = run.resource
    assert client.calls == ["plan destroy", "apply"]
    assert (run.status, resource.status) == (RunStatus.APPLIED, ResourceStatus.DEPROVISIONED)
    assert (kept(resource), resource.outputs, resource.observed_generation) == ([], None, 2)
    assert stand(resource) == ["discarded"]
    assert points(orders.people) == (0, 0)
    assert actions(resource.pk) == ["resource.ready", "resource.deprovisioned"]
    again = orders.provision(name=resource.name)  # the name is free
    assert again.resource.physical_name != resource.physical_name


def test_a_plan_without_changes_ends_the_run_and_shows_the_outputs_there_are(orders: Orders, ready: Resource) -> None:
    client = FakeTerraform(Script(is_empty=True))
    update = orders.update(ready, plan="small")
    run_carry_out(worker_make(client=client), hint=update.pk)
    run = run_of(update.pk)
    assert client.calls == ["plan normal"]
    assert (run.status, run.resource.status) == (RunStatus.PLANNED_AND_FINISHED, ResourceStatus.READY)
    assert (run.resource.outputs, run.resource.observed_generation) == (OUTPUTS, 2)
    assert [step["name"] for step in run.steps] == ["prepare", "plan"]
    assert actions(run.pk) == ["run.planning", "run.planned_and_finished"]


def test_a_state_that_an_earlier_attempt_left_on_the_host_is_kept(orders: Orders) -> None:
    left = state_make(["fleet_postgres_role.this"], serial=4, lineage="found")
    run = carried(orders.provision(), Script(recovered=left, outputs=OUTPUTS))
    assert run.status == RunStatus.APPLIED
    assert StateVersion.objects.filter(resource=run.resource, lineage="found", serial=4).exists()


def test_without_work_a_worker_does_nothing(orders: Orders) -> None:
    client = FakeTerraform()
    assert run_carry_out(worker_make(client=client), hint=orders.people.checkout.pk) is None
    assert client.calls == []


def test_a_hint_at_a_run_that_is_taken_leads_to_whatever_waits(orders: Orders) -> None:
    taken, waiting = orders.provision(), orders.provision()
    carried(taken)
    assert run_carry_out(worker_make(), hint=taken.pk) == waiting.pk


def test_a_line_is_there_though_terraform_says_nothing_after_it(orders: Orders) -> None:
    run = orders.provision()
    client = FallingSilent(lambda: "the last word" in log(run.pk))
    assert run_carry_out(worker_make(client=client), hint=run.pk) == run.pk
    assert 0 < client.asked < 100
    assert run_of(run.pk).status == RunStatus.APPLIED


def test_log_lines_with_nul_and_escapes_of_it_are_kept(orders: Orders) -> None:
    run = orders.provision()
    claim = run_claim(owner="me", pools=["default"], terms=LeaseTerms(), plan_seconds=60)
    assert claim is not None
    written = RunLog.resume(claim)
    written.write("a\x00b \\u0000", event={"address": "x\x00\\u0000", "seconds": 1})
    written.write("lone \ud800")
    written.flush()
    assert log(run.pk) == ["ab \\u0000", "lone ?"]
