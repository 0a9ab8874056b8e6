"""A platform admin ends a run that nothing else ends: whoever holds it is a zombie from then on."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from platform_api.audit.models import AuditEvent
from platform_api.core.callers import system_caller
from platform_api.core.ids import Prefix, UnknownIdError, new_id, show
from provisioning.models import ProvisioningRequest, Run
from provisioning.services.execution.adoption import is_in_doubt
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import (
    Claim,
    ClockTimestamp,
    LeaseLostError,
    LeaseTerms,
    run_claim,
    run_move,
    run_write,
)
from provisioning.services.execution.outcomes import run_applied
from provisioning.services.execution.records import RunLog, state_store
from provisioning.services.giving_up import run_give_up
from provisioning.services.runs import RunFinalError
from provisioning.states import RequestStatus, ResourceStatus, RunStatus
from tests.factories import Orders, run_of, worker_make
from tests.integration.execution.facts import actions, points, tables
from tests.integration.execution.terraforms import Interfering

pytestmark = pytest.mark.django_db

WAY = (RunStatus.PLANNED, RunStatus.CONFIRMED, RunStatus.APPLYING, RunStatus.RECOVERING)
PLAN = {"plan_digest": "sha256:0", "plan_summary": {"objects": [{"address": "widget.this", "action": "create"}]}}
CALLER = system_caller("tests")


def give_up(run: Run) -> Run:
    run_give_up(run=show(Prefix.RUN, run.pk), reason="It hangs.", caller=CALLER)
    return run_of(run.pk)


def claimed(run: Run) -> Claim:
    claim = run_claim(owner="worker", pools=["default"], terms=LeaseTerms(), plan_seconds=600, run_id=run.pk)
    assert claim is not None
    return claim


def brought_to(orders: Orders, status: RunStatus) -> tuple[Run, Claim | None]:
    """Return a first provision that stands there, and the worker's claim of it."""
    run = orders.provision()
    if status is RunStatus.PENDING:
        return run, None
    claim = claimed(run)
    for to in WAY[: WAY.index(status) + 1] if status in WAY else ():
        run_move(claim, to, **(PLAN if to is RunStatus.PLANNED else {}))
    return run, claim


@pytest.mark.parametrize("status", [RunStatus.PENDING, RunStatus.PLANNING])
def test_a_first_provision_that_was_not_applied_leaves_nothing(orders: Orders, status: RunStatus) -> None:
    run, _ = brought_to(orders, status)
    ended = give_up(run)
    assert ended.failure is not None
    assert (ended.status, ended.failure["code"], ended.failure["objects_left"]) == (RunStatus.ERRORED, "given_up", [])
    assert (ended.lease_owner, ended.lease_until, ended.finished_at is None) == (None, None, False)
    assert ended.resource.status == ResourceStatus.DEPROVISIONED
    assert ProvisioningRequest.objects.get(runs=run).status == RequestStatus.FAILED
    assert points(orders.people) == (0, 0)


@pytest.mark.parametrize("status", [RunStatus.APPLYING, RunStatus.RECOVERING])
def test_one_whose_apply_had_begun_keeps_its_resource_and_is_in_doubt(orders: Orders, status: RunStatus) -> None:
    run, _ = brought_to(orders, status)
    ended = give_up(run)
    assert (ended.status, ended.resource.status) == (RunStatus.ERRORED, ResourceStatus.DEGRADED)
    assert ended.failure is not None
    assert ended.failure["objects_left"] == ["widget.this"]
    assert is_in_doubt(ended.resource_id)
    assert ended.resource.verify_at is not None
    assert ProvisioningRequest.objects.get(runs=run).status == RequestStatus.FAILED
    assert points(orders.people) == (1, 0)


@pytest.mark.parametrize("status", [RunStatus.PLANNED, RunStatus.CONFIRMED])
def test_one_that_waits_with_its_plan_ends_too(orders: Orders, status: RunStatus) -> None:
    run, _ = brought_to(orders, status)
    Run.objects.filter(pk=run.pk).update(lease_owner=None, lease_until=None, deadline=None)
    ended = give_up(run)
    assert ended.status == RunStatus.ERRORED


def test_it_is_audited_with_its_reason_and_with_who_held_the_run(orders: Orders) -> None:
    run, claim = brought_to(orders, RunStatus.APPLYING)
    assert claim is not None
    give_up(run)
    event = AuditEvent.objects.get(object_id=run.pk, action="run.errored")
    assert (event.reason, event.code, event.outcome) == ("It hangs.", "given_up", "failed")
    assert event.before == {"status": "applying", "worker": "worker", "epoch": claim.epoch}


def test_the_worker_that_holds_it_can_write_nothing_more(orders: Orders) -> None:
    run, claim = brought_to(orders, RunStatus.APPLYING)
    assert claim is not None
    log = RunLog.resume(claim)
    log.write("late")
    give_up(run)
    before = tables()
    with pytest.raises(LeaseLostError):
        log.flush()
    with pytest.raises(LeaseLostError):
        run_write(claim, progress={})
    with pytest.raises(LeaseLostError):
        run_applied(claim, status=RunStatus.APPLIED, outputs={})
    with pytest.raises(LeaseLostError):
        state_store(claim, lineage="l", serial=1, content=b"{}")
    assert tables() == before


def test_a_worker_in_mid_apply_notices_and_stops(orders: Orders) -> None:
    run = orders.provision()

    def act() -> None:
        give_up(run)

    client = Interfering(act, step="apply", after=2)
    run_carry_out(worker_make(client=client), hint=run.pk)
    ended = run_of(run.pk)
    assert (ended.status, ended.resource.status) == (RunStatus.ERRORED, ResourceStatus.DEGRADED)
    assert "run.overtaken" in actions(run.pk)


def test_a_resource_that_was_ready_is_usable_after_a_plan_that_was_given_up(orders: Orders) -> None:
    first = orders.provision()
    run_carry_out(worker_make(), hint=first.pk)
    update = orders.update(run_of(first.pk).resource)
    claimed(update)
    ended = give_up(update)
    assert ended.failure is not None
    assert (ended.resource.status, ended.failure["resource_usable"]) == (ResourceStatus.READY, True)
    assert points(orders.people) == (0, 1)


def test_a_deprovision_that_waits_behind_it_gets_its_run(orders: Orders) -> None:
    run, _ = brought_to(orders, RunStatus.APPLYING)
    ask = orders.deprovision_ask(run_of(run.pk).resource)
    give_up(run)
    assert Run.objects.get(provisioning_request=ask).status == RunStatus.PENDING


def test_what_has_ended_is_not_ended_again(orders: Orders) -> None:
    run = orders.provision()
    run_carry_out(worker_make(), hint=run.pk)
    before = tables()
    with pytest.raises(RunFinalError):
        give_up(run)
    with pytest.raises(UnknownIdError):
        run_give_up(run=show(Prefix.RUN, new_id()), reason="No such run.", caller=CALLER)
    assert tables() == before


def test_the_command_ends_it_and_says_what_is_left(orders: Orders) -> None:
    run, _ = brought_to(orders, RunStatus.APPLYING)
    out = StringIO()
    call_command("runs", "fail", show(Prefix.RUN, run.pk), "--reason", "It hangs.", stdout=out)
    assert "is errored" in out.getvalue()
    assert run_of(run.pk).status == RunStatus.ERRORED


@pytest.mark.parametrize("arguments", [["--reason", " "], []])
def test_the_command_wants_a_reason(orders: Orders, arguments: list[str]) -> None:
    run = orders.provision(not_before=ClockTimestamp())
    before = tables()
    with pytest.raises(CommandError):
        call_command("runs", "fail", show(Prefix.RUN, run.pk), *arguments)
    assert tables() == before
