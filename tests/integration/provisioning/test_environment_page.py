"""A composed environment on the admin site: what it was ordered as, and which of its parts needs which."""

from pathlib import Path

import pytest

from tests.integration.admin.site import browser, list_of, text_of
from tests.integration.provisioning import trio
from tests.integration.provisioning.house import House


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


def test_an_auditor_reads_what_it_was_ordered_as_and_what_is_wired_into_what(house: House, tmp_path: Path) -> None:
    trio.publish(tmp_path)
    shown = trio.ordered(house, parameters={"connections": 7}, source={"pull_request": 142})
    page = text_of(browser(house.people.auditor.user).get(f"/admin/id/{shown}/", follow=True))
    assert "Made by owner Why Pull request 142" in page
    assert 'Offering trio Version 1.0.0 Parameters { "connections": 7 } Source { "pull_request": 142 }' in page
    assert "reports postgres-database 1.0.0, medium pending db port as statement_timeout_seconds owner" in page
    assert "db postgres-database 1.0.0, small pending — owner" in page


def test_environments_are_found_by_offering_and_by_who_asked(house: House, tmp_path: Path) -> None:
    trio.publish(tmp_path)
    trio.ordered(house)
    auditor = browser(house.people.auditor.user)
    for query, found in (
        ("offering=trio", {"pr-142"}),
        ("actor=owner", {"pr-142"}),
        ("offering=trio&actor=lead", set()),
        ("actor=lead", {"staging", "live"}),
    ):
        rows = auditor.get(f"{list_of('Environments')}?{query}").context["cl"].rows
        assert {str(row.cells[0].value) for row in rows} == found, query


def test_it_stands_on_its_page_as_the_api_says(house: House, tmp_path: Path) -> None:
    trio.publish(tmp_path)
    shown, auditor = trio.ordered(house), browser(house.people.auditor.user)

    def status() -> str:
        told = str(auditor.get(f"/admin/id/{shown}/", follow=True).context["status"])
        assert told == trio.look(house, shown)["status"]
        return told

    assert status() == "creating"
    trio.fail(trio.part(house, shown, "db"))
    assert status() == "failed"
    trio.delete(house)
    assert status() == "closed"
    rows = auditor.get(f"{list_of('Environments')}?offering=trio").context["cl"].rows
    assert [str(cell.value.word) for row in rows for cell in row.cells if cell.label == "Desired"] == ["absent"]
