"""What a rotation shows: the new credentials once, of the former ones that they were, and of none what it was."""

import pytest

from platform_api.audit.models import AuditEvent
from provisioning.models import Credential
from provisioning.services.execution.outcomes import run_failed
from provisioning.states import ResourceStatus, RunStatus
from tests.credentials import kept, password_of
from tests.integration.provisioning.house import (
    House,
    body_of,
    carry_out,
    claim,
    prepare,
    resource_of,
    run_of,
)
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.rotation import BROKEN, broken_in_apply, rotated, short, told
from tests.integration.provisioning.test_credentials import everything, reveal


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


def test_new_ones_are_shown_once_and_the_page_tells_of_both(house: House) -> None:
    first = body_of(reveal(house))["password"]
    begun = told(house)
    assert begun == {
        "number": 1,
        "made_at": begun["made_at"],
        "revealed_at": begun["revealed_at"],
        "revealed_by": "owner",
        "pending": None,
        "url": f"/api/v1/resources/{house.orders}/credentials",
        "rotate_url": f"/api/v1/resources/{house.orders}/credentials/rotate",
        "replaced": [],
    }
    assert None not in {begun["made_at"], begun["revealed_at"]}
    rotated(house)
    now = told(house)
    (former,) = now["replaced"]
    assert (now["number"], now["revealed_at"], now["revealed_by"], now["pending"]) == (2, None, None, None)
    assert former == {
        "number": 1,
        "made_at": begun["made_at"],
        "revealed_at": begun["revealed_at"],
        "replaced_at": former["replaced_at"],
    }
    assert begun["revealed_at"] < former["replaced_at"]
    answer = reveal(house, by=house.people.lead)
    assert answer.status_code == 201
    assert body_of(answer)["password"] not in {first, ""}
    assert told(house)["revealed_by"] == "lead"
    assert [event.after for event in AuditEvent.objects.filter(action="credentials.revealed").order_by("id")] == [
        {"number": 1},
        {"number": 2},
    ]


def test_the_refusal_of_a_second_look_says_where_to_rotate(house: House) -> None:
    reveal(house)
    body = body_of(reveal(house))
    assert body["code"] == "credentials_already_revealed"
    assert body["remedy"] == f"Rotate them: POST /api/v1/resources/{house.orders}/credentials/rotate."
    assert house.post(body["remedy"].removeprefix("Rotate them: POST /api/v1/").removesuffix(".")).status_code == 202


def test_ones_that_nobody_was_shown_can_be_rotated(house: House) -> None:
    before = password_of(resource_of(house.orders))
    rotated(house)
    assert body_of(reveal(house))["password"] != before
    assert told(house)["replaced"][0]["revealed_at"] is None


@pytest.mark.parametrize("is_revealed", [False, True])
def test_nothing_is_shown_while_a_rotation_is_under_way(house: House, *, is_revealed: bool) -> None:
    if is_revealed:
        reveal(house)
    run = body_of(short(house))["run"]["id"]
    for _ in range(2):
        refused(lambda: reveal(house), 409, "credentials_not_ready")
        answer = body_of(reveal(house))
        assert (answer["detail"], answer["remedy"]) == (
            f"Run {run} (rotate) works on them.",
            "Wait until it has ended.",
        )
        if run_of(resource_of(house.orders)).status == RunStatus.PENDING:
            prepare(claim(resource_of(house.orders)))
    page = told(house)
    assert (page["number"], page["pending"]["number"]) == (1, 2)
    assert (page["revealed_at"] is not None) == is_revealed


@pytest.mark.parametrize("is_revealed", [False, True])
def test_nothing_is_shown_after_a_rotation_that_may_have_taken_place(house: House, *, is_revealed: bool) -> None:
    if is_revealed:
        reveal(house)
    short(house)
    broken_in_apply(house)
    refused(lambda: reveal(house), 409, "credentials_not_ready")
    remedy = body_of(reveal(house))["remedy"]
    assert remedy == f"Finish it: POST /api/v1/resources/{house.orders}/credentials/rotate."
    assert told(house)["pending"]["number"] == 2
    rotated(house)
    assert reveal(house).status_code == 201
    assert (told(house)["number"], told(house)["pending"]) == (2, None)


def test_after_a_rotation_that_changed_nothing_the_former_ones_are_shown(house: House) -> None:
    password = password_of(resource_of(house.orders))
    short(house)
    claimed = claim(resource_of(house.orders))
    prepare(claimed)
    run_failed(claimed, BROKEN, has_applied=False)
    assert body_of(reveal(house))["password"] == password
    page = told(house)
    assert (page["number"], page["pending"], page["replaced"]) == (1, None, [])


def test_an_update_that_failed_leaves_the_way_to_rotate(house: House) -> None:
    house.change("update")
    broken_in_apply(house)
    refused(lambda: reveal(house), 409, "credentials_not_ready")
    assert f"POST /api/v1/resources/{house.orders}/credentials/rotate" in body_of(reveal(house))["remedy"]
    rotated(house)
    assert resource_of(house.orders).status == ResourceStatus.READY
    assert reveal(house).status_code == 201


def test_of_what_is_gone_the_last_number_is_told_and_nothing_shown(house: House) -> None:
    rotated(house)
    reveal(house)
    house.change("deprovision", confirm="orders")
    carry_out(resource_of(house.orders))
    page = told(house)
    assert (page["number"], page["revealed_by"], [each["number"] for each in page["replaced"]]) == (2, "owner", [1])
    refused(lambda: reveal(house), 409, "credentials_not_ready")
    assert body_of(reveal(house))["remedy"] == "Order a new one."
    assert not Credential.objects.filter(resource=resource_of(house.orders), sealed__isnull=False).exists()


def test_ten_former_ones_are_told_of_the_newest_first_and_in_lists_too(house: House) -> None:
    for number in range(13):
        rotated(house)
        if number % 3 == 0:  # ones that were given up in between count for nothing
            short(house)
            claimed = claim(resource_of(house.orders))
            prepare(claimed)
            run_failed(claimed, BROKEN, has_applied=False)
    numbers = [each["number"] for each in told(house)["replaced"]]
    in_use = Credential.objects.filter(resource=resource_of(house.orders), replaced_at__isnull=False)
    assert numbers == list(in_use.order_by("-number").values_list("number", flat=True))[:10]
    listed = body_of(house.owner.client.get("/api/v1/resources"))["results"]
    assert [row["credentials"] for row in listed] == [told(house)]


def test_no_password_stands_in_any_table_at_any_time(house: House) -> None:
    resource = resource_of(house.orders)
    secrets = {*kept(resource)[0].secrets}
    dumps = [everything()]
    short(house)
    broken_in_apply(house)
    secrets |= {*kept(resource)[0].secrets}
    dumps.append(everything())
    rotated(house)
    dumps.append(everything())
    secrets.add(body_of(reveal(house))["password"])
    dumps.append(everything())
    assert len(secrets) == 4  # two passwords, two verifiers
    assert all(resource.physical_name in dump for dump in dumps)
    assert [secret for secret in secrets for dump in dumps if secret in dump] == []
