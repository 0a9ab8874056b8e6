"""Who may do what: each person against each route. A refusal changes nothing and is recorded where it should be."""

from collections.abc import Callable
from typing import Any

import pytest

from platform_api.audit.models import AuditEvent
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models.scopes import READING, Scope
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.tokens import token_issue
from provisioning.models import ProvisioningRequest, Run
from tests.integration.provisioning.house import House, ask, body_of, contents, resource_of, run_of
from tests.people import TESTS, Person

PEOPLE = ("owner", "teammate", "viewer", "lead", "approver", "stranger", "auditor", "admin")
Call = Callable[[House, Person], Any]


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


def get(address: str) -> Call:
    def call(house: House, person: Person) -> Any:
        orders = resource_of(house.orders)
        ids = {
            "resource": house.orders,
            "request": show(
                Prefix.PROVISIONING_REQUEST, ProvisioningRequest.objects.get(resource=orders, generation=1).pk
            ),
            "environment": show(Prefix.ENVIRONMENT, orders.environment_id),
            "run": show(Prefix.RUN, Run.objects.get(resource=orders, generation=1).pk),
        }
        return person.client.get(f"/api/v1/{address.format(**ids)}")

    return call


def cancel(house: House, person: Person) -> Any:
    run = run_of(resource_of(house.orders))
    return house.post(f"runs/{show(Prefix.RUN, run.pk)}/cancel", {}, by=person)


READ: dict[str, Call] = {
    name: get(name)
    for name in (
        "requests/{request}", "resources/{resource}", "runs/{run}", "runs/{run}/log",
        "environments/{environment}", "projects/checkout/environments", "projects/checkout/environments/staging",
    )
}  # fmt: skip
WRITE: dict[str, Call] = {
    "provision": lambda house, person: house.post("requests", ask(), by=person),
    "update": lambda house, person: house.change("update", by=person),
    "deprovision": lambda house, person: house.change("deprovision", confirm="orders", by=person),
    "patch": lambda house, person: person.client.patch(
        f"/api/v1/resources/{house.orders}", {}, format="json", headers={"If-Match": "*"}
    ),
    "delete": lambda house, person: person.client.delete(f"/api/v1/resources/{house.orders}?confirm=orders"),
    "cancel": cancel,
    "ensure": lambda house, person: person.client.put("/api/v1/projects/checkout/environments/x1", {}, format="json"),
    "close": lambda house, person: person.client.delete(
        "/api/v1/projects/checkout/environments/staging?confirm=staging"
    ),
}
WRITERS = {"owner", "teammate", "lead"}


@pytest.mark.parametrize("route", READ)
def test_everybody_with_a_role_and_every_overseer_reads(house: House, route: str) -> None:
    for who in PEOPLE:
        answer = READ[route](house, getattr(house.people, who))
        assert answer.status_code == (404 if who == "stranger" else 200), who
    assert not AuditEvent.objects.filter(action="call.refused").exists()  # looking for what is not there is no event


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("route", WRITE)
def test_developers_and_admins_write_and_nobody_else(house: House, route: str, who: str) -> None:
    if route == "cancel":
        house.change("update")
    before = contents()
    answer = WRITE[route](house, getattr(house.people, who))
    if who in WRITERS:
        assert answer.status_code == (201 if route == "ensure" else 202)
        assert contents() != before
        return
    # A stranger is told that it is not there; in a body, that the project named there is not.
    expected = (403, "role_missing") if who != "stranger" else (404, "not_found")
    if (who, route) == ("stranger", "provision"):
        expected = (422, "request_refused")
    assert (answer.status_code, body_of(answer)["code"]) == expected
    assert contents() == before
    event = AuditEvent.objects.get(action="call.refused")
    assert (event.outcome, event.code, event.actor_name) == ("refused", expected[1], who)
    concern = (None, None) if who == "stranger" else (house.people.shop.pk, house.people.checkout.pk)
    assert (event.team_id, event.project_id) == concern


@pytest.mark.parametrize("noun", ["requests", "resources", "runs"])
def test_lists_show_what_one_may_see(house: House, noun: str) -> None:
    def seen(who: str) -> int:
        return len(body_of(getattr(house.people, who).client.get(f"/api/v1/{noun}"))["results"])

    assert {who: seen(who) for who in PEOPLE} == {
        **dict.fromkeys(("owner", "teammate", "viewer", "lead", "approver", "stranger"), 1), "auditor": 2, "admin": 2,
    }  # fmt: skip
    strangers = house.people.stranger.client.get(f"/api/v1/{noun}?project=checkout")
    assert body_of(strangers)["results"] == []


@pytest.mark.parametrize("route", WRITE)
def test_a_token_that_only_reads_writes_nothing(house: House, route: str) -> None:
    if route == "cancel":
        house.change("update")
    issued = token_issue(user=house.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, scopes=READING)
    before = contents()
    answer = WRITE[route](house, Person(house.owner.user, issued.secret))
    assert (answer.status_code, body_of(answer)["code"]) == (403, "scope_missing")
    assert Scope.REQUESTS_WRITE in body_of(answer)["detail"]
    assert contents() == before
    assert AuditEvent.objects.get(action="call.refused").code == "scope_missing"


@pytest.mark.parametrize("route", [*READ, *WRITE])
def test_nobody_in_particular_gets_in(house: House, route: str) -> None:
    if route == "cancel":
        house.change("update")
    nobody = Person(house.owner.user, "slw_pat_nonsense")
    before = contents()
    answer = (READ | WRITE)[route](house, nobody)
    assert (answer.status_code, body_of(answer)["code"]) == (401, "token_invalid")
    assert contents() == before
    assert AuditEvent.objects.get(action="call.refused").actor_kind == "anonymous"
