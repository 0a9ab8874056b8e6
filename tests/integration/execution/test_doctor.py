"""The doctor: for each way in which a run or a request can wait, what it says, and whether it calls for a person."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db.models import F

from platform_api.core import clock
from platform_api.core.ids import Prefix, show
from provisioning.management.commands import runs as command
from provisioning.models import Component, ComponentNeed, Run
from provisioning.models.runs import RUN_FORMAT
from provisioning.selectors.doctor.findings import Finding
from provisioning.selectors.doctor.report import report_make
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import Claim, ClockTimestamp, LeaseTerms, run_claim, seconds_from_now
from provisioning.services.execution.records import RunLog
from provisioning.states import RequestStatus, RunStatus
from tests.factories import Orders, worker_make

pytestmark = pytest.mark.django_db

OWNER = "worker-7.example.com:4242:a1b2c3d4"


def finding(*, dispatchers: int = 1, broker_answers: bool = True) -> Finding:
    """Return the only finding that there is."""
    report = report_make(dispatchers=dispatchers, broker_answers=broker_answers)
    (only,) = report.findings
    assert (report.total, report.in_need) == (1, int(only.verdict.needs_person))
    return only


def told(**around: Any) -> tuple[str, bool]:
    found = finding(**around)
    return found.verdict.code, found.verdict.needs_person


def claimed(run: Run) -> Claim:
    claim = run_claim(owner=OWNER, pools=["default"], terms=LeaseTerms(), plan_seconds=600, run_id=run.pk)
    assert claim is not None
    return claim


def change(run: Run, **columns: Any) -> None:
    Run.objects.filter(pk=run.pk).update(**columns)


@pytest.mark.parametrize(
    ("columns", "around", "verdict"),
    [
        ({}, {}, ("worker", False)),
        ({"not_before": seconds_from_now(300)}, {}, ("not_yet", False)),
        ({"not_before": seconds_from_now(300)}, {"broker_answers": False}, ("not_yet", False)),
        ({"not_before": seconds_from_now(-300)}, {}, ("no_worker", True)),
        ({"worker_min_version": RUN_FORMAT + 1}, {}, ("newer_worker", True)),
        ({}, {"broker_answers": False}, ("broker", True)),
        ({}, {"dispatchers": 0}, ("dispatcher", True)),
    ],
)
def test_of_a_run_that_nobody_holds_it_says_what_it_waits_for(
    orders: Orders, columns: dict[str, Any], around: dict[str, Any], verdict: tuple[str, bool]
) -> None:
    run = orders.provision()
    change(run, **columns)
    found = finding(**around)
    assert (found.verdict.code, found.verdict.needs_person) == verdict
    assert (found.kind, found.id, found.status) == ("run", show(Prefix.RUN, run.pk), "pending")
    assert (found.holder, found.attempt) == (None, 0)


@pytest.mark.parametrize(
    ("columns", "around", "verdict"),
    [
        ({}, {}, ("working", False)),
        ({"cancel_requested_at": ClockTimestamp()}, {}, ("stopping", False)),
        ({"deadline": seconds_from_now(-10)}, {}, ("overdue", False)),
        ({"deadline": seconds_from_now(-119)}, {}, ("overdue", False)),
        ({"deadline": seconds_from_now(-121)}, {}, ("stuck", True)),
        ({"lease_until": seconds_from_now(-5)}, {}, ("worker_lost", False)),
        ({"lease_until": seconds_from_now(-5)}, {"dispatchers": 0}, ("worker_lost_unnoticed", True)),
        ({"lease_until": seconds_from_now(-40)}, {}, ("worker_lost_unnoticed", True)),
    ],
)
def test_of_a_run_that_a_worker_holds_it_says_how_that_worker_is(
    orders: Orders,
    settings: LazySettings,
    columns: dict[str, Any],
    around: dict[str, Any],
    verdict: tuple[str, bool],
) -> None:
    settings.LEASE_SECONDS = 60
    run = orders.provision()
    claim = claimed(run)
    change(run, **columns)
    found = finding(**around)
    assert (found.verdict.code, found.verdict.needs_person) == verdict
    assert found.holder is not None
    assert (found.holder.host, found.holder.process) == ("worker-7.example.com", "4242")
    assert (found.holder.epoch, found.attempt) == (claim.epoch, 1)
    held = Run.objects.get(pk=run.pk)
    assert found.last_sign_at is not None
    assert held.lease_until is not None
    assert (found.lease_until, held.lease_until - found.last_sign_at) == (held.lease_until, timedelta(seconds=60))
    assert found.deadline == held.deadline


def test_a_plan_that_waits_for_approval_calls_for_a_person(orders: Orders) -> None:
    run = orders.provision()
    claimed(run)
    change(run, status=RunStatus.PLANNED, lease_owner=None, lease_until=None, deadline=None)
    assert told() == ("approval", True)


def test_a_run_that_recovers_and_that_nobody_holds_waits_for_a_worker(orders: Orders) -> None:
    run = orders.provision()
    claimed(run)
    for status in (RunStatus.PLANNED, RunStatus.CONFIRMED, RunStatus.APPLYING, RunStatus.RECOVERING):
        change(run, status=status)
    change(run, lease_owner=None, lease_until=None, deadline=None)
    assert told() == ("worker", False)


def test_one_that_waits_behind_others_is_told_how_many_go_first(orders: Orders) -> None:
    for _ in range(3):
        claimed(orders.provision())
    orders.provision(priority=1)
    behind = orders.provision(not_before=clock.now() - timedelta(minutes=10))
    orders.provision(priority=900)
    orders.provision(pool="aws", priority=1)
    (found,) = report_make(dispatchers=1, broker_answers=True, runs=[show(Prefix.RUN, behind.pk)]).findings
    assert found.verdict.code == "worker"  # for ten minutes, but the workers have their hands full
    assert "3 runs are held there, 1 go before it" in found.verdict.waits_for


def test_it_tells_since_when_and_what_the_log_said_last(orders: Orders) -> None:
    run = orders.provision()
    log = RunLog.resume(claimed(run))
    for line in ("first", "Creating database"):
        log.write(line)
    log.flush()
    found = finding()
    assert found.last_line is not None
    assert found.last_line["line"] == "Creating database"
    assert timedelta() <= found.now - found.since < timedelta(minutes=1)


def test_a_request_whose_turn_it_is_waits_for_a_dispatcher_and_calls_when_none_comes(orders: Orders) -> None:
    run = orders.provision()
    run_carry_out(worker_make(), hint=run.pk)
    ask = orders.deprovision_ask(Run.objects.get(pk=run.pk).resource)
    assert told() == ("run", False)
    assert told(dispatchers=0) == ("run_unmade", True)
    type(ask).objects.filter(pk=ask.pk).update(created_at=clock.now() - timedelta(minutes=1))
    found = finding()
    assert (found.verdict.code, found.verdict.needs_person) == ("run_unmade", True)
    assert (found.kind, found.id) == ("request", show(Prefix.PROVISIONING_REQUEST, ask.pk))


def test_a_request_behind_another_run_of_its_resource_names_that_run(orders: Orders) -> None:
    run = orders.provision()
    claimed(run)
    orders.deprovision_ask(run.resource)
    report = report_make(dispatchers=1, broker_answers=True)
    (found,) = [each for each in report.findings if each.kind == "request"]
    assert (found.verdict.code, found.verdict.needs_person) == ("other_run", False)
    assert show(Prefix.RUN, run.pk) in found.verdict.waits_for


def test_a_component_names_what_it_needs(orders: Orders) -> None:
    database, queue = orders.provision(name="db").resource, orders.provision(name="queue").resource
    Run.objects.filter(resource=queue).update(provisioning_request=None)
    for resource in (database, queue):
        Component.objects.create(resource=resource, environment=resource.environment, name=resource.name)
    ComponentNeed.objects.create(component_id=queue.pk, needed_id=database.pk, takes={})
    change(Run.objects.get(resource=queue), status=RunStatus.CANCELED, finished_at=ClockTimestamp())
    report = report_make(dispatchers=1, broker_answers=True)
    (found,) = [each for each in report.findings if each.kind == "request"]
    assert (found.verdict.code, found.verdict.needs_person) == ("components", False)
    assert "db (pending)" in found.verdict.waits_for


def test_a_request_that_waits_for_approval_calls_for_a_person(orders: Orders) -> None:
    run = orders.provision()
    run_carry_out(worker_make(), hint=run.pk)
    ask = orders.deprovision_ask(Run.objects.get(pk=run.pk).resource)
    type(ask).objects.filter(pk=ask.pk).update(status=RequestStatus.PENDING_APPROVAL)
    assert told() == ("approval", True)


def test_what_needs_a_person_comes_first_and_the_rest_is_counted(orders: Orders) -> None:
    old, stuck, young = (orders.provision() for _ in range(3))
    change(stuck, not_before=seconds_from_now(-600))
    report = report_make(dispatchers=1, broker_answers=True, limit=2)
    assert [each.id for each in report.findings] == [show(Prefix.RUN, each.pk) for each in (stuck, old)]
    assert (report.total, report.in_need) == (3, 1)
    assert show(Prefix.RUN, young.pk) not in str(report)


def test_of_what_has_ended_nothing_is_said(orders: Orders) -> None:
    run = orders.provision()
    run_carry_out(worker_make(), hint=run.pk)
    assert report_make(dispatchers=1, broker_answers=True).findings == ()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_broker_answers", lambda: True)
    monkeypatch.setattr(command, "dispatchers_connected", lambda: 1)


def doctor(*arguments: str) -> tuple[str, int]:
    """Return what the command says, and its exit code."""
    out = StringIO()
    try:
        call_command("runs", "doctor", *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), error.returncode
    return out.getvalue(), 0


@pytest.mark.usefixtures("broker")
def test_the_command_says_all_of_it_and_exits_with_0_where_nobody_is_needed(orders: Orders) -> None:
    run = orders.provision()
    claim = claimed(run)
    log = RunLog.resume(claim)
    log.write("Creating database")
    log.flush()
    text, code = doctor()
    assert code == 0
    for word in (
        show(Prefix.RUN, run.pk),
        run.resource.name,
        "host worker-7.example.com, process 4242",
        f"epoch {claim.epoch}; attempt 1",
        "since",
        "last sign",
        "deadline",
        "Creating database (",
        f"POST /api/v1/runs/{show(Prefix.RUN, run.pk)}/cancel",
        "1 not final; 0 need a person.",
    ):
        assert word in text


@pytest.mark.usefixtures("broker")
def test_the_command_exits_with_1_where_a_person_is_needed_and_with_2_for_an_unknown_run(orders: Orders) -> None:
    run = orders.provision()
    change(run, not_before=seconds_from_now(-600))
    text, code = doctor(show(Prefix.RUN, run.pk))
    assert code == 1
    assert "SLIPWAY_WORKER_POOLS=default" in text
    assert doctor("run_01jd0000000000000000000000")[1] == 2
    assert doctor("nonsense")[1] == 2


@pytest.mark.usefixtures("broker")
def test_programs_get_the_same_as_json(orders: Orders) -> None:
    run = orders.provision()
    claimed(run)
    text, code = doctor("--json")
    report = json.loads(text)
    assert code == 0
    assert (report["total"], report["need_a_person"], report["broker_answers"]) == (1, 0, True)
    (found,) = report["findings"]
    assert (found["id"], found["code"], found["holder"]["process"]) == (show(Prefix.RUN, run.pk), "working", "4242")


@pytest.mark.usefixtures("broker")
def test_a_final_run_is_called_final(orders: Orders) -> None:
    run = orders.provision()
    run_carry_out(worker_make(), hint=run.pk)
    text, code = doctor(show(Prefix.RUN, run.pk))
    assert (code, "is final" in text) == (0, True)
    assert doctor()[0].strip() == "Everything that was asked for is final."


def test_reading_changes_nothing(orders: Orders) -> None:
    run = orders.provision()
    before = Run.objects.filter(pk=run.pk).values().get()
    report_make(dispatchers=0, broker_answers=False)
    assert Run.objects.filter(pk=run.pk).values().get() == before
    assert Run.objects.filter(pk=run.pk, attempt=F("attempt")).exists()
