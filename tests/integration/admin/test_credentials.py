"""Credentials on a resource's page: each that it was ever given, by number and time, and none of them in clear."""

import re
from html import unescape

import pytest
from django.test import Client

from platform_api.core.admin.cells import cell
from platform_api.core.ids import Prefix, show
from platform_api.terraform.client import RunEnding
from platform_api.terraform.testing import TAKEN, Script
from provisioning.models import Resource, Run
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


def words(value: object) -> str:
    """Return a value as a person reads it."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", cell(value))).split())


def test_each_is_told_from_its_making_to_its_end(auditor: Client, orders: Orders) -> None:
    resource = carried(orders.provision())
    shown = credentials_reveal(caller=orders.people.owner.caller, resource=show(Prefix.RESOURCE, resource.pk))
    carried(orders.rotate(resource))
    carried(orders.rotate(resource), UNPLANNED)
    carried(orders.rotate(resource), HALF)
    address = page_of("Resources", Prefix.RESOURCE, resource.pk)
    page = auditor.get(address)
    (table,) = (section for section in page.context["sections"] if section.title == "Credentials")
    first, second, third, fourth = resource.credentials.order_by("number")
    assert None not in {first.revealed_at, first.replaced_at, third.discarded_at}
    assert [[words(value) for value in row] for row in table.rows] == [
        ["4", "tried", words(fourth.made_at), "\N{EM DASH}", "\N{EM DASH}"],
        ["3", "discarded", words(third.made_at), "\N{EM DASH}", words(third.discarded_at)],
        ["2", "current", words(second.made_at), "\N{EM DASH}", "\N{EM DASH}"],
        [
            "1",
            "replaced",
            words(first.made_at),
            f"owner {words(first.revealed_at)}",
            words(first.replaced_at),
        ],
    ]
    assert "Credentials By number and time; what they are is never shown." in text_of(page)
    for place in (address, list_of("Audit events")):
        assert shown.password not in auditor.get(place).content.decode()


def test_a_rotation_is_an_operation_that_lists_can_be_narrowed_by(auditor: Client, orders: Orders) -> None:
    resource = carried(orders.provision(name="orders"))
    carried(orders.rotate(resource))
    for plural in ("Requests", "Runs"):
        answer = auditor.get(f"{list_of(plural)}?operation=rotate")
        assert [str(row.cells[0].value) for row in answer.context["cl"].rows] == ["rotate orders"]
