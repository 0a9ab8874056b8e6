"""Deletion is always possible: what it does to whatever goes on, state by state, and that it comes to its end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db.models import F

from catalog.models import Offering
from catalog.models.offerings import Availability
from platform_api.core import clock
from platform_api.core.callers import system_caller
from provisioning.models import Environment, ProvisioningRequest, Resource, Run
from provisioning.services.environments.closing import environment_expire
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import RELEASED, ClockTimestamp
from provisioning.services.reaping import run_reap
from provisioning.states import LIVE_RUN, RunStatus
from tests.factories import worker_make
from tests.integration.provisioning.house import House, begin_apply, body_of, claim, prepare, resource_of, run_of, shown
from tests.integration.provisioning.problems import refused

PLAN = {"objects": [{"address": "fleet_postgres_role.this", "action": "create"}]}


@dataclass(frozen=True)
class State:
    """Where something stands when its deletion is asked for, and what must come of it.

    Attributes:
        arrange: Brings a resource there.
        live: What becomes at once of the run that was live: its status, or ``asked`` to stop; empty without one.
        begins: Whether the deprovision's own run is there at once, else when the other one has ended.
    """

    arrange: Callable[[House], Resource]
    live: str = ""
    begins: bool = True


def pending(house: House) -> Resource:
    return house.ordered()


def planning(house: House) -> Resource:
    resource = house.ordered()
    prepare(claim(resource))
    return resource


def _unheld(resource: Resource, *way: RunStatus) -> Resource:
    """Bring a claimed run there, and leave it to nobody."""
    run = run_of(resource)
    for status in way:
        Run.objects.filter(pk=run.pk).update(status=status, plan_digest="sha256:0", plan_summary=PLAN)
    Run.objects.filter(pk=run.pk).update(**RELEASED)
    return resource


def planned(house: House) -> Resource:
    return _unheld(planning(house), RunStatus.PLANNED)


def confirmed(house: House) -> Resource:
    return _unheld(planning(house), RunStatus.PLANNED, RunStatus.CONFIRMED)


def applying(house: House) -> Resource:
    resource = house.ordered()
    claimed = claim(resource)
    prepare(claimed)
    begin_apply(claimed)
    Run.objects.filter(pk=claimed.run_id).update(plan_digest="sha256:0", plan_summary=PLAN)
    return resource


def recovering(house: House) -> Resource:
    return _unheld(applying(house), RunStatus.RECOVERING)


def ready(house: House) -> Resource:
    return resource_of(house.orders)


def half_made(house: House) -> Resource:
    resource = applying(house)
    Run.objects.filter(resource=resource).update(attempt=99)
    _lose(resource)
    assert Resource.objects.get(pk=resource.pk).status == "degraded"
    return resource


def degraded(house: House) -> Resource:
    resource = live_update(house)
    begin_apply_of(resource)
    Run.objects.filter(resource=resource, status__in=LIVE_RUN).update(attempt=99)
    _lose(resource)
    assert Resource.objects.get(pk=resource.pk).status == "degraded"
    return resource


def retired(house: House) -> Resource:
    resource = ready(house)
    Offering.objects.filter(pk=resource.offering_version.offering_id).update(status=Availability.RETIRED)
    return resource


def waiting_update(house: House) -> Resource:
    assert house.change("update", parameters={"connection_limit": 4}).status_code == 202
    return resource_of(house.orders)


def live_update(house: House) -> Resource:
    resource = waiting_update(house)
    prepare(claim(resource))
    return resource


def canceled_by_its_owner(house: House) -> Resource:
    resource = planning(house)
    Run.objects.filter(resource=resource).update(cancel_requested_at=ClockTimestamp(), cancel_reason="Not needed.")
    return resource


def begin_apply_of(resource: Resource) -> None:
    run = run_of(resource)
    for status in (RunStatus.PLANNED, RunStatus.CONFIRMED, RunStatus.APPLYING):
        Run.objects.filter(pk=run.pk).update(status=status, plan_digest="sha256:0", plan_summary=PLAN)


def _lose(resource: Resource) -> None:
    """Have the run's worker be lost, and the run be taken from it."""
    run = run_of(resource)
    Run.objects.filter(pk=run.pk).update(lease_until=F("lease_until") - timedelta(hours=1))
    assert run_reap(run_id=run.pk, resource_id=resource.pk, caller=system_caller("tests"))


STATES = {
    "pending": State(pending, "superseded"),
    "planning": State(planning, "asked", begins=False),
    "planned": State(planned, "superseded"),
    "confirmed": State(confirmed, "superseded"),
    "applying": State(applying, "asked", begins=False),
    "recovering": State(recovering, "asked", begins=False),
    "ready": State(ready),
    "degraded": State(degraded),
    "half-made": State(half_made),
    "of a retired offering": State(retired),
    "waiting update": State(waiting_update, "superseded"),
    "live update": State(live_update, "asked", begins=False),
    "cancel asked": State(canceled_by_its_owner, "asked", begins=False),
}


@pytest.mark.parametrize("name", STATES)
def test_whatever_goes_on_a_deletion_is_accepted_and_comes_to_its_end(house: House, name: str) -> None:
    state = STATES[name]
    resource = state.arrange(house)
    before = Run.objects.filter(resource=resource, status__in=LIVE_RUN).first()

    answer = house.change("deprovision", shown(resource), confirm=resource.name, reason="Not needed")

    assert answer.status_code == 202
    own = Run.objects.filter(provisioning_request__operation="deprovision", resource=resource).first()
    assert (own is not None) == state.begins
    assert (body_of(answer)["run"] is not None) == state.begins
    if before is not None:
        fate = Run.objects.get(pk=before.pk)
        is_asked = fate.cancel_requested_at is not None and fate.status == before.status
        assert ("asked" if is_asked else fate.status) == state.live
        if before.lease_owner is not None:  # its worker stops, or is lost
            _lose(resource)
    else:
        assert not state.live
    while run_carry_out(worker_make(), hint=None):
        pass
    gone = Resource.objects.get(pk=resource.pk)
    assert (gone.status, gone.desired) == ("deprovisioned", "absent")
    ask = ProvisioningRequest.objects.get(resource=resource, operation="deprovision")
    assert ask.status == "completed"
    assert not Run.objects.filter(resource=resource, status__in=LIVE_RUN).exists()


def test_what_expires_already_is_not_deleted_twice(house: House) -> None:
    resource = ready(house)
    Environment.objects.filter(pk=resource.environment_id).update(expires_at=clock.now() - timedelta(seconds=1))
    assert environment_expire(environment_id=resource.environment_id, caller=system_caller("tests"))
    refused(lambda: house.change("deprovision", confirm=resource.name), 409, "resource_busy")
    while run_carry_out(worker_make(), hint=None):
        pass
    assert resource_of(house.orders).status == "deprovisioned"
    refused(lambda: house.change("deprovision", confirm=resource.name), 409, "already_final")


@pytest.mark.parametrize("is_begun", [True, False], ids=["begun to apply", "planned only"])
def test_what_a_broken_update_may_have_made_is_taken_down_as_that_update_made_it(
    house: House,
    is_begun: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The row tells what was fulfilled last; what is there is what was applied last."""
    resource = live_update(house)
    if is_begun:
        begin_apply_of(resource)
    Run.objects.filter(resource=resource, status__in=LIVE_RUN).update(attempt=99)
    _lose(resource)

    house.change("deprovision", confirm=resource.name)

    run = run_of(resource)
    assert (run.operation, run.parameters["connection_limit"]) == ("deprovision", 4 if is_begun else 10)
    assert resource_of(house.orders).parameters["connection_limit"] == 10
