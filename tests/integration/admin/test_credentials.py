"""Credentials on a resource's page: each that it was ever given, by number and time, and none of them in clear."""

import pytest
from django.test import Client

from platform_api.core.ids import Prefix, show
from platform_api.terraform.client import RunEnding
from platform_api.terraform.testing import TAKEN, Script
from provisioning.models import Credential, Resource, Run
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.resources import credentials_reveal
from tests.factories import OUTPUTS, Orders, run_of, worker_make
from tests.integration.admin.site import list_of, page_of, text_of

pytestmark = pytest.mark.django_db

GOOD = Script(outputs=OUTPUTS)
UNPLANNED = Script(plan_ending=RunEnding.FAILED, plan_failure=TAKEN)
HALF = Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN, ends_after=1)


def carried(run: Run, script: Script = GOOD) -> Resource:
    run_carry_out(worker_make(script), hint=run.pk)
    return run_of(run.pk).resource


def rows_of(client: Client, resource: Resource) -> list[list[str]]:
    """Return the rows of the credentials' table as a person reads them."""
    page = client.get(page_of("Resources", Prefix.RESOURCE, resource.pk))
    (table,) = (section for section in page.context["sections"] if section.title == "Credentials")
    assert "Credentials By number and time; what they are is never shown." in text_of(page)
    return [[getattr(value, "word", getattr(value, "text", value)) for value in row] for row in table.rows]


def moments_of(resource: Resource, number: int) -> Credential:
    return resource.credentials.get(number=number)


def test_each_is_told_from_its_making_to_its_end(auditor: Client, orders: Orders) -> None:
    resource = carried(orders.provision())
    shown = credentials_reveal(caller=orders.people.owner.caller, resource=show(Prefix.RESOURCE, resource.pk))
    carried(orders.rotate(resource))
    carried(orders.rotate(resource), UNPLANNED)
    carried(orders.rotate(resource), HALF)
    first, second, third, fourth = (moments_of(resource, number) for number in (1, 2, 3, 4))
    assert rows_of(auditor, resource) == [
        [4, "tried", fourth.made_at, fourth.tried_at, None, None, "", None],
        [3, "discarded", third.made_at, None, None, None, "", third.discarded_at],
        [2, "current", second.made_at, second.tried_at, second.applied_at, None, "", None],
        [1, "replaced", first.made_at, first.tried_at, first.applied_at, first.revealed_at, "owner", first.replaced_at],
    ]
    assert None not in {fourth.tried_at, third.discarded_at, second.applied_at, first.revealed_at, first.replaced_at}
    for address in (page_of("Resources", Prefix.RESOURCE, resource.pk), list_of("Audit events")):
        assert shown.password not in auditor.get(address).content.decode()


def test_a_rotation_is_an_operation_that_lists_can_be_narrowed_by(auditor: Client, orders: Orders) -> None:
    resource = carried(orders.provision(name="orders"))
    carried(orders.rotate(resource))
    for plural in ("Requests", "Runs"):
        answer = auditor.get(f"{list_of(plural)}?operation=rotate")
        assert [str(row.cells[0].value) for row in answer.context["cl"].rows] == ["rotate orders"]
