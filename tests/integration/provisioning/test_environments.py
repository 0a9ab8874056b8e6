from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from catalog.selectors.orderables import Orderable, orderable_get
from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from provisioning.models import Environment, Resource
from provisioning.services.ordering import changing, provisioning
from tests.integration.provisioning.house import House, body_of, carry_out, shown
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.together import at_once
from tests.people import Person

FRESH = "/api/v1/projects/checkout/environments/fresh"
DEFAULT = "/api/v1/projects/checkout/environments/default"


def ensure(person: Person, address: str = FRESH, **body: Any) -> Any:
    return person.client.put(address, body, format="json")


def test_it_is_made_once_and_then_left_alone(house: House) -> None:
    first = ensure(house.owner, tier="staging", expires_at="2199-01-01T00:00:00+02:00")
    again = ensure(house.owner, tier="staging")
    assert (first.status_code, again.status_code) == (201, 200)
    assert body_of(first) == body_of(again) == body_of(house.owner.client.get(FRESH))
    body = body_of(first)
    assert body["id"].startswith("env_")
    assert {name: body[name] for name in ("name", "project", "tier", "expires_at")} == {
        "name": "fresh", "project": "checkout", "tier": "staging", "expires_at": "2198-12-31T22:00:00Z",
    }  # fmt: skip
    event = AuditEvent.objects.get(action="environment.created", object_name="fresh")
    assert (event.actor_name, event.team_id, event.project_id) == (
        "owner", house.people.shop.pk, house.people.checkout.pk,
    )  # fmt: skip


def test_of_many_that_ensure_it_at_once_one_makes_it(house: House) -> None:
    answers = at_once(8, lambda _: ensure(house.owner))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert Environment.objects.filter(name="fresh").count() == 1
    assert AuditEvent.objects.filter(action="environment.created", object_name="fresh").count() == 1


def test_its_tier_does_not_change(house: House) -> None:
    ensure(house.owner, tier="staging")
    refused(lambda: ensure(house.owner, tier="development"), 409, "environment_differs")


def test_one_for_production_takes_an_admin(house: House) -> None:
    refused(lambda: ensure(house.owner, tier="production"), 403, "role_missing")
    assert ensure(house.people.lead, tier="production").status_code == 201


def test_it_can_be_ordered_into_by_name_and_by_id(house: House) -> None:
    shown = body_of(ensure(house.owner))["id"]
    assert house.order(environment="fresh").status_code == 202
    answer = house.order(environment=shown, name="other")
    assert (answer.status_code, body_of(answer)["environment"]) == (202, "fresh")


def test_what_is_made_in_one_that_expires_expires_with_it(house: House) -> None:
    soon = clock.now() + timedelta(days=2)
    ensure(house.owner, expires_at=soon.isoformat())
    resource = house.ordered(environment="fresh")
    assert resource.expires_at == soon
    shown_at = body_of(house.owner.client.get(f"/api/v1/resources/{shown(resource)}"))["expires_at"]
    assert datetime.fromisoformat(shown_at) == soon


def lasting(**names: Any) -> Orderable:
    """Return what can be ordered, as something that must not go by the clock."""
    return replace(orderable_get(**names), allows_ephemeral=False)


def test_what_must_not_go_by_the_clock_is_not_ordered_where_it_would(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(house.owner, expires_at=(clock.now() + timedelta(days=2)).isoformat())
    monkeypatch.setattr(provisioning, "orderable_get", lasting)
    answer = house.order(environment="fresh")
    assert answer.status_code == 422
    assert [(found["pointer"], found["code"]) for found in body_of(answer)["errors"]] == [
        ("#/environment", "environment_expires")
    ]
    assert not Resource.objects.filter(environment__name="fresh").exists()
    assert house.order().status_code == 202


def test_what_expires_is_not_updated_to_what_must_not_go_by_the_clock(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(house.owner, expires_at=(clock.now() + timedelta(days=2)).isoformat())
    resource = house.ordered(environment="fresh")
    carry_out(resource)
    monkeypatch.setattr(changing, "orderable_get", lasting)
    found = refused(lambda: house.change("update", shown(resource), plan="medium"), 422, "request_refused")
    assert found == [("#/environment", "environment_expires")]
    assert house.change("update", plan="medium").status_code == 202


def test_the_default_environment_takes_no_expiry(house: House) -> None:
    def ask() -> Any:
        return ensure(house.owner, DEFAULT, expires_at=(clock.now() + timedelta(days=2)).isoformat())

    refused(ask, 422, "request_refused")
    assert body_of(ask())["errors"][0]["code"] == "environment_default"


def test_one_that_lives_too_long_takes_no_orders(house: House) -> None:
    ensure(house.owner, expires_at=(clock.now() + timedelta(days=20)).isoformat())
    answer = house.order(environment="fresh")
    assert [(found["pointer"], found["policy"]) for found in body_of(answer)["errors"]] == [
        ("#/environment", "previews_expire")
    ]
