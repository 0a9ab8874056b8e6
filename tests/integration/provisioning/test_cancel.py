from typing import Any

import pytest

from platform_api.audit.models import AuditEvent
from platform_api.core.ids import Prefix, show
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_failed
from tests.integration.provisioning.house import House, body_of, claim, quota, resource_of, run_of, shown
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.together import at_once

STOPPED = RunFailure(code="canceled", kind="user", detail="It was stopped.", remedy="Order it again.")


def cancel(house: House, run: Run, **options: Any) -> Any:
    return house.post(f"runs/{show(Prefix.RUN, run.pk)}/cancel", {"reason": "Not needed any more"}, **options)


def test_a_first_run_that_waits_is_canceled_at_once_and_nothing_is_left(house: House) -> None:
    resource = house.ordered()
    run = run_of(resource)
    answer = cancel(house, run)
    body = body_of(answer)
    assert (answer.status_code, body["status"], body["failure"]["code"]) == (202, "canceled", "canceled")
    assert body["finished_at"] is not None
    assert resource_of(shown(resource)).status == "deprovisioned"
    assert ProvisioningRequest.objects.get(resource=resource).status == "canceled"
    assert quota() == (0, 1)
    event = AuditEvent.objects.get(action="run.canceled")
    assert (event.actor_name, event.reason, event.team_id, event.project_id) == (
        "owner", "Not needed any more", house.people.shop.pk, house.people.checkout.pk,
    )  # fmt: skip
    assert house.order().status_code == 202  # name and quota are free


def test_a_canceled_update_leaves_the_resource_as_it_was(house: House) -> None:
    before = resource_of(house.orders)
    house.change("update", plan="medium")
    assert cancel(house, run_of(before)).status_code == 202
    after = resource_of(house.orders)
    assert (after.status, after.plan_id, after.parameters) == ("ready", before.plan_id, before.parameters)
    assert quota() == (0, 1)
    assert house.change("update", plan="medium").status_code == 202


def test_a_canceled_deprovision_leaves_the_resource_as_it_was(house: House) -> None:
    house.change("deprovision", confirm="orders")
    assert cancel(house, run_of(resource_of(house.orders))).status_code == 202
    after = resource_of(house.orders)
    assert (after.status, after.desired) == ("ready", "present")
    assert quota() == (0, 1)
    assert house.change("update", parameters={"connection_limit": 2}).status_code == 202


def test_a_run_that_is_held_is_asked_to_stop(house: House) -> None:
    resource = house.ordered()
    claimed = claim(resource)
    body = body_of(cancel(house, run_of(resource)))
    assert body["status"] == "planning"
    assert body["cancel_requested_at"] is not None
    assert AuditEvent.objects.get(action="run.cancel_requested").reason == "Not needed any more"
    run_failed(claimed, STOPPED, has_applied=False, is_canceled=True)
    assert Run.objects.get(pk=claimed.run_id).status == "canceled"
    assert resource_of(shown(resource)).status == "deprovisioned"


def test_asking_twice_keeps_the_first_moment(house: House) -> None:
    resource = house.ordered()
    claim(resource)
    first, second = (body_of(cancel(house, run_of(resource)))["cancel_requested_at"] for _ in range(2))
    assert first == second


def test_a_run_that_has_ended_is_not_canceled(house: House) -> None:
    run = Run.objects.get(resource=resource_of(house.orders))
    refused(lambda: cancel(house, run), 409, "already_final")


@pytest.mark.parametrize("attempt", range(2))
def test_of_cancels_at_once_one_ends_the_run(house: House, attempt: int) -> None:
    resource = house.ordered()
    run = run_of(resource)
    answers = at_once(6, lambda _: cancel(house, run))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    assert AuditEvent.objects.filter(action="run.canceled").count() == 1
    assert quota() == (0, 1)
    assert not Resource.objects.filter(name="invoices").exclude(status="deprovisioned").exists()
