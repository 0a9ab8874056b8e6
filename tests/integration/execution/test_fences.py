"""A worker whose epoch was overtaken changes nothing, whatever it tries."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from provisioning.models import Run
from provisioning.services.execution.claims import Claim, LeaseLostError, LeaseTerms, run_claim, run_move, run_write
from provisioning.services.execution.credentials import credentials_ensure
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_applied, run_failed
from provisioning.services.execution.records import RunLog, state_store
from provisioning.states import RunStatus
from tests.factories import OUTPUTS, Orders, run_of
from tests.integration.execution.facts import tables

pytestmark = pytest.mark.django_db

FAILURE = RunFailure(code="too_late", kind="platform", detail="Too late.", remedy="None.")


def applying(claim: Claim) -> None:
    for status in (RunStatus.PLANNED, RunStatus.CONFIRMED, RunStatus.APPLYING):
        run_move(claim, status)


def log_flush(claim: Claim) -> None:
    log = RunLog.resume(claim)
    log.write("too late")
    log.flush()


def credentials_keep(claim: Claim) -> None:
    credentials_ensure(claim, manifest=run_of(claim.run_id).offering_version.manifest)


WRITES: dict[str, Callable[[Claim], object]] = {
    "run_move": lambda claim: run_move(claim, RunStatus.RECOVERING),
    "run_write": lambda claim: run_write(claim, progress={"percent": 1}),
    "log flush": log_flush,
    "state_store": lambda claim: state_store(claim, lineage="late", serial=1, content=b"{}"),
    "credentials_ensure": credentials_keep,
    "run_applied": lambda claim: run_applied(claim, status=RunStatus.APPLIED, outputs=OUTPUTS),
    "run_failed in plan": lambda claim: run_failed(claim, FAILURE, has_applied=False),
    "run_failed in apply": lambda claim: run_failed(claim, FAILURE, has_applied=True),
}
OVERTAKEN: dict[str, dict[str, Any]] = {
    "a newer epoch": {"epoch": F("epoch") + 1, "lease_owner": "another"},
    "the same epoch, another owner": {"lease_owner": "another"},
    "released": {"lease_owner": None, "lease_until": None},
}


@pytest.fixture
def claim(orders: Orders) -> Claim:
    run = orders.provision()
    claim = run_claim(owner="me", pools=["default"], terms=LeaseTerms(), plan_seconds=60, run_id=run.pk)
    assert claim is not None
    return claim


@pytest.mark.parametrize("overtaken", OVERTAKEN)
@pytest.mark.parametrize("write", WRITES)
def test_an_overtaken_worker_is_told_and_nothing_changes(claim: Claim, write: str, overtaken: str) -> None:
    applying(claim)
    Run.objects.filter(pk=claim.run_id).update(**OVERTAKEN[overtaken])
    before = tables()
    # The test's own transaction must go on: a write of a worker spoils the one that it takes part in.
    with pytest.raises(LeaseLostError), transaction.atomic():
        WRITES[write](claim)
    assert tables() == before


@pytest.mark.parametrize("write", WRITES)
def test_the_same_write_of_the_worker_that_holds_the_run_changes_something(claim: Claim, write: str) -> None:
    if write != "run_failed in plan":
        applying(claim)
    before = tables()
    WRITES[write](claim)
    assert tables() != before


def test_a_state_that_is_kept_already_is_no_lost_lease_for_who_holds_the_run(claim: Claim) -> None:
    state_store(claim, lineage="one", serial=1, content=b"{}")
    Run.objects.filter(pk=claim.run_id).update(epoch=F("epoch") + 1)
    newer = replace(claim, epoch=claim.epoch + 1)
    before = tables()
    state_store(newer, lineage="one", serial=1, content=b"{}")
    assert tables() == before
    with pytest.raises(LeaseLostError):
        state_store(claim, lineage="one", serial=1, content=b"{}")


def test_a_move_from_a_status_that_does_not_allow_it_is_a_lost_lease_too(claim: Claim) -> None:
    before = tables()
    with pytest.raises(LeaseLostError), transaction.atomic():
        run_move(claim, RunStatus.APPLIED)
    assert tables() == before
