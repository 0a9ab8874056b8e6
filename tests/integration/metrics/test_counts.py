"""What is counted of runs that end in other ways than well; in this process, as worker, dispatcher and API do it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from kombu.exceptions import OperationalError

from platform_api.core.ids import Prefix, show
from platform_api.core.metrics import REGISTRY
from platform_api.terraform.client import PreparedRun, RunEnding
from platform_api.terraform.spec import RunSpec
from platform_api.terraform.testing import TAKEN, FakeTerraform, Script
from provisioning import metrics
from provisioning.hints import hints_send
from provisioning.models import Run
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.hinting import runs_to_hint, runs_unhint
from provisioning.services.runs import run_cancel
from provisioning.states import RunStatus
from tests.factories import Orders, run_of, worker_make

Growth = Callable[[], dict[str, float]]
OUTCOMES = "slipway_run_outcomes_total"


def totals() -> dict[str, float]:
    return {
        f"{sample.name} {' '.join(sample.labels.values())}".strip(): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name.endswith(("_total", "_count"))
    }


@pytest.fixture
def growth() -> Growth:
    """Tell what has grown since the test began."""
    before = totals()
    return lambda: {name: grown for name, now in totals().items() if (grown := now - before.get(name, 0))}


class Overtaken(FakeTerraform):
    """While its run is prepared, another worker takes the run over."""

    @contextmanager
    def prepare(self, spec: RunSpec) -> Iterator[PreparedRun]:
        Run.objects.update(epoch=F("epoch") + 1, lease_owner="another")
        with super().prepare(spec) as prepared:
            yield prepared


def test_a_zombie_is_counted_and_no_outcome_with_it(committed_orders: Orders, growth: Growth) -> None:
    run = committed_orders.provision()
    run_carry_out(worker_make(client=Overtaken()), hint=run.pk)
    assert run_of(run.pk).status == RunStatus.PLANNING
    grown = growth()
    assert grown["slipway_zombies_refused_total"] == 1
    assert not [name for name in grown if name.startswith(OUTCOMES)]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (Script(is_empty=True), "provision planned_and_finished none"),
        (Script(plan_ending=RunEnding.FAILED, plan_failure=TAKEN), "provision errored user"),
        (Script(apply_ending=RunEnding.TIMED_OUT, ends_after=1), "provision errored platform"),
    ],
)
def test_an_end_is_counted_by_operation_status_and_class(
    script: Script, told: str, committed_orders: Orders, growth: Growth
) -> None:
    run_carry_out(worker_make(script), hint=committed_orders.provision().pk)
    assert {name: count for name, count in growth().items() if name.startswith(OUTCOMES)} == {f"{OUTCOMES} {told}": 1}


def test_a_run_that_is_canceled_while_it_waits_is_counted_where_that_happens(
    committed_orders: Orders, growth: Growth
) -> None:
    run = committed_orders.provision()
    run_cancel(caller=committed_orders.people.owner.caller, run=show(Prefix.RUN, run.pk), reason="")
    assert growth()[f"{OUTCOMES} provision canceled user"] == 1


def test_what_is_rolled_back_is_not_counted(committed_orders: Orders, growth: Growth) -> None:
    with transaction.atomic():
        metrics.run_ended("provision", RunStatus.APPLIED)
        metrics.lease_lost(RunStatus.PLANNING)
        transaction.set_rollback(True)
    assert growth() == {}


class Broker:
    """Stands in for Celery's signatures.

    Attributes:
        accepts: Whether hints are taken.
    """

    accepts = False

    def apply_async(self, **_: Any) -> None:
        if not self.accepts:
            raise OperationalError


def test_a_hint_that_the_broker_does_not_take_is_a_failure_and_a_repeated_one_has_no_lag(
    committed_orders: Orders, growth: Growth, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker()
    monkeypatch.setattr("provisioning.hints.current_app.signature", lambda *_, **__: broker)
    run = committed_orders.provision()

    def sweep() -> None:
        due = runs_to_hint(slots={"default": 9})
        assert [each.pk for each in due] == [run.pk]
        sent = hints_send(due, slots={"default": 9})
        metrics.hints_sent(due[:sent], seconds=0.5)
        runs_unhint(due[sent:])

    sweep()
    assert growth() == {"slipway_broker_failures_total": 1}
    broker.accepts = True
    sweep()
    Run.objects.update(hinted_at=F("created_at") - timedelta(hours=1))
    sweep()
    assert growth() == {
        "slipway_broker_failures_total": 1,
        "slipway_hints_total": 2,
        "slipway_dispatcher_lag_seconds_count": 1,
    }
