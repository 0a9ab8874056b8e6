"""Who carries out what is ordered follows from the connection that it is made on."""

import pytest
from django.db import DataError, IntegrityError, transaction

from catalog.models import Connection
from provisioning.models import Run
from provisioning.services.execution.claims import LeaseTerms, run_claim
from provisioning.services.hinting import runs_to_hint
from tests.integration.provisioning.house import House, body_of

SLOTS = {"default": 5, "team-a": 2}


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


def kept_for_team_a() -> None:
    assert Connection.objects.filter(kind="postgres").update(pool="team-a")


def claimed(*pools: str) -> bool:
    return run_claim(owner="me", pools=pools, terms=LeaseTerms(), plan_seconds=60) is not None


def test_an_order_waits_in_the_pool_of_its_connection_and_no_other_pool_takes_it(house: House) -> None:
    kept_for_team_a()
    assert house.order().status_code == 202
    run = Run.objects.latest("id")
    assert run.pool == "team-a"
    assert not claimed("default")
    assert Run.objects.get(pk=run.pk).status == "pending"
    assert claimed("team-a")


def test_what_follows_an_order_waits_in_the_pool_that_the_connection_has_by_then(house: House) -> None:
    kept_for_team_a()
    answer = house.owner.client.delete(f"/api/v1/resources/{house.orders}?confirm=orders")
    assert answer.status_code == 202, body_of(answer)
    run = Run.objects.latest("id")
    assert (run.operation, run.pool) == ("deprovision", "team-a")


def test_a_pool_has_slots_of_its_own_and_one_without_slots_gets_no_hints(house: House) -> None:
    kept_for_team_a()
    for number in range(3):
        assert house.order(name=f"invoices-{number}").status_code == 202
    assert [run.pool for run in runs_to_hint(slots=SLOTS)] == ["team-a", "team-a"]
    assert runs_to_hint(slots=SLOTS) == []
    Run.objects.filter(pool="team-a").update(hinted_at=None)
    assert runs_to_hint(slots={"default": 5}) == []


def test_a_pool_has_a_name_that_queues_can_have(house: House) -> None:
    for name in ("", "Team", "a b", "x" * 33, "a,b", "-a", "a\n"):
        with pytest.raises((IntegrityError, DataError)), transaction.atomic():
            Connection.objects.update(pool=name)
    assert set(Connection.objects.values_list("pool", flat=True)) == {"default"}
