"""The trail of orders, and who may read it."""

from typing import Any

import pytest

from platform_api.audit.models import AuditEvent
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.services.teams import role_grant
from tests.integration.provisioning.house import House, body_of, carry_out, resource_of, shown
from tests.people import TESTS, Person, person

EVENTS = "/api/v1/audit-events"


def read(who: Person, query: str = "") -> list[dict[str, Any]]:
    answer = who.client.get(f"{EVENTS}?limit=100{query}")
    assert answer.status_code == 200
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def test_the_story_of_an_order_is_told_whole(house: House) -> None:
    answer = house.order()
    resource = resource_of(body_of(answer)["resource"]["id"])
    carry_out(resource)
    rows = read(house.people.lead, f"&correlation_id={answer.headers['Correlation-Id']}")
    assert [(row["action"], row["actor"]["name"]) for row in rows][::-1] == [
        ("request.submitted", "owner"),
        ("run.planning", "worker"),
        ("run.planned", "worker"),
        ("run.confirmed", "worker"),
        ("run.applying", "worker"),
        ("run.applied", "worker"),
        ("resource.ready", "worker"),
        ("request.completed", "worker"),
    ]
    assert {row["outcome"] for row in rows} == {"succeeded"}
    submitted = rows[-1]
    assert submitted["object"]["id"] == body_of(answer)["id"]
    assert submitted["reason"] == "Own store for the invoices service"
    assert submitted["after"]["resource"] == shown(resource)
    assert submitted["actor"] == {
        "id": show(Prefix.USER, house.owner.user.pk),
        "name": "owner",
        "kind": "human",
        "token": submitted["actor"]["token"],
        "auth_method": "api_token",
        "ip": "127.0.0.1",
    }
    tenants = AuditEvent.objects.filter(correlation_id=answer.headers["Correlation-Id"]).values_list(
        "team_id", "project_id"
    )
    assert set(tenants) == {(house.people.shop.pk, house.people.checkout.pk)}


@pytest.mark.parametrize("who", ["owner", "teammate", "viewer", "approver", "stranger"])
def test_who_administers_nothing_reads_no_trail(house: House, who: str) -> None:
    reader: Person = getattr(house.people, who)
    answer = reader.client.get(EVENTS)
    assert (answer.status_code, body_of(answer)["code"]) == (403, "role_missing")
    assert body_of(answer)["remedy"]
    assert AuditEvent.objects.get(action="call.refused").actor_name == who


def test_an_admin_reads_of_the_own_team_and_overseers_of_all(house: House) -> None:
    actors = {
        who: {row["object"]["name"] for row in read(getattr(house.people, who))} for who in ("lead", "auditor", "admin")
    }
    assert "provision orders" in actors["lead"]
    assert "provision spied" not in actors["lead"]
    for overseer in ("auditor", "admin"):
        assert {"provision orders", "provision spied"} <= actors[overseer]


def test_an_admin_of_a_project_reads_of_that_project_alone(house: House) -> None:
    chief = person("chief")
    role_grant(user=chief.user, role=Role.ADMIN, on=house.people.checkout, caller=TESTS)
    names = {row["object"]["name"] for row in read(chief)}
    assert "provision orders" in names
    assert "provision spied" not in names
    assert AuditEvent.objects.filter(
        team_id=house.people.shop.pk, project_id=None
    ).exists()  # what the team's admin reads besides
    ids = {row["id"] for row in read(chief)}
    of_team = AuditEvent.objects.filter(project_id=None).values_list("pk", flat=True)
    assert ids.isdisjoint({show(Prefix.AUDIT_EVENT, pk) for pk in of_team})


def test_the_trail_is_narrowed_by_each_filter(house: House) -> None:
    refused = house.order(name="orders")
    lead = house.people.lead
    assert {row["object"]["id"] for row in read(lead, f"&object={house.orders}")} == {house.orders}
    assert {row["action"] for row in read(lead, "&action=run.applied")} == {"run.applied"}
    (row,) = read(lead, "&outcome=refused")
    assert (row["code"], row["object"]["name"]) == ("name_taken", "POST /api/v1/requests")
    assert read(lead, f"&correlation_id={refused.headers['Correlation-Id']}") == [row]
    assert read(lead, "&action=run.applied&outcome=refused") == []
    assert read(lead, f"&object={house.spied}") == []


def test_the_trail_is_read_page_by_page_while_it_grows(house: House) -> None:
    lead, seen = house.people.lead, []
    whole = [row["id"] for row in read(lead)]
    address: str | None = f"{EVENTS}?limit=3"
    while address:
        body = body_of(lead.client.get(address))
        seen += [row["id"] for row in body["results"]]
        address = body["next"]
        house.order(name="orders")  # refused, and recorded
    assert len(whole) > 6
    assert seen == whole


def test_a_link_of_a_resource_leads_to_its_story(house: House) -> None:
    link = body_of(house.owner.client.get(f"/api/v1/resources/{house.orders}"))["links"]["audit"]
    assert {row["action"] for row in body_of(house.people.lead.client.get(link))["results"]} == {"resource.ready"}
