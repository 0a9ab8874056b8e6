"""What callers have seen decides what they may change; what they have already is not sent again."""

import json
from collections import Counter
from typing import Any

import pytest
from django.http import HttpResponse

from platform_api.core.ids import Prefix, show
from provisioning.models import Environment, ProvisioningRequest, Run
from tests.integration.provisioning.house import House, body_of, carry_out, contents, resource_of, run_of
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.races import fifty

PLACE = "/api/v1/projects/checkout/environments"


def resource(house: House) -> str:
    return f"/api/v1/resources/{house.orders}"


def tag(house: House, address: str) -> str:
    answer = house.owner.client.get(address)
    assert answer.status_code == 200
    return str(answer.headers["ETag"])


def patch(house: House, seen: str | None, **body: Any) -> HttpResponse:
    headers = {} if seen is None else {"If-Match": seen}
    answer: HttpResponse = house.owner.client.patch(resource(house), body, format="json", headers=headers)
    return answer


def test_a_change_of_what_was_seen_is_accepted_and_of_what_has_changed_since_is_not(house: House) -> None:
    seen = tag(house, resource(house))
    assert patch(house, seen, parameters={"connection_limit": 3}).status_code == 202
    carry_out(resource_of(house.orders))
    refused(lambda: patch(house, seen, parameters={"connection_limit": 4}), 412, "version_mismatch")
    newer = tag(house, resource(house))
    assert newer != seen
    assert patch(house, newer, parameters={"connection_limit": 4}).status_code == 202


def test_what_a_run_has_done_since_is_a_change_too(house: House) -> None:
    patch(house, "*", parameters={"connection_limit": 3})
    while_it_runs = tag(house, resource(house))  # shows the limit of before
    carry_out(resource_of(house.orders))
    refused(lambda: patch(house, while_it_runs, plan="medium"), 412, "version_mismatch")


def test_what_a_caller_cannot_overwrite_does_not_refuse_a_change(house: House) -> None:
    seen = tag(house, resource(house))
    house.post(f"resources/{house.orders}/credentials")
    assert tag(house, resource(house)) != seen  # it tells when they were revealed
    assert patch(house, seen, parameters={"connection_limit": 3}).status_code == 202


def test_a_change_by_who_does_not_say_what_was_seen_is_refused(house: House) -> None:
    refused(lambda: patch(house, None, parameters={"connection_limit": 3}), 428, "if_match_required")


@pytest.mark.parametrize("is_seen", [True, False])
def test_what_is_gone_is_said_to_be_so_whatever_was_seen(house: House, *, is_seen: bool) -> None:
    house.change("deprovision", confirm="orders")
    carry_out(resource_of(house.orders))
    seen = tag(house, resource(house)) if is_seen else None
    refused(lambda: patch(house, seen), 409, "already_final")


def test_who_may_not_change_it_learns_that_first(house: House) -> None:
    for person, status in ((house.people.viewer, 403), (house.people.stranger, 404)):
        assert person.client.patch(resource(house), {}, format="json").status_code == status


@pytest.mark.parametrize("form", ["*", "{seen}", '"other", {seen}', ' {seen} , "other"'])
def test_a_condition_may_be_any_or_a_list(house: House, form: str) -> None:
    assert patch(house, form.format(seen=tag(house, resource(house)))).status_code == 202


@pytest.mark.parametrize("form", ["W/{seen}", '"other"', '"res-1-0000000000000000x"', '""'])
def test_weak_tags_and_foreign_ones_match_nothing(house: House, form: str) -> None:
    seen = form.format(seen=tag(house, resource(house)))
    refused(lambda: patch(house, seen), 412, "version_mismatch")


def test_the_tag_of_a_request_is_none_of_a_resource(house: House) -> None:
    made = house.ordered(name="other")
    request = ProvisioningRequest.objects.get(resource=made)
    seen = tag(house, f"/api/v1/requests/{show(Prefix.PROVISIONING_REQUEST, request.pk)}")
    address = f"/api/v1/resources/{show(Prefix.RESOURCE, made.pk)}"
    headers = {"If-Match": seen}
    refused(lambda: house.owner.client.delete(f"{address}?confirm=other", headers=headers), 412, "version_mismatch")


@pytest.mark.parametrize("value", ["res-1-0123456789abcdef", '"open', '"a" "b"', "", '*, "a"'])
@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
def test_a_condition_that_cannot_be_read_is_refused(house: House, name: str, value: str) -> None:
    client = house.owner.client
    assert (
        refused(
            lambda: client.patch(resource(house), {}, format="json", headers={name: value}), 400, "invalid_condition"
        )
        == []
    )


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [("delete", "?confirm=orders", None), ("post", "/credentials/rotate", {"reason": "Leaked"})],
)
def test_a_resource_is_given_back_or_rotated_only_as_it_was_seen(
    house: House, method: str, rest: str, body: object
) -> None:
    def call(seen: str) -> HttpResponse:
        answer: HttpResponse = getattr(house.owner.client, method)(
            f"{resource(house)}{rest}", body, format="json", headers={"If-Match": seen}
        )
        return answer

    seen = tag(house, resource(house))
    patch(house, seen)
    carry_out(resource_of(house.orders))
    refused(lambda: call(seen), 412, "version_mismatch")
    assert call(tag(house, resource(house))).status_code == 202


@pytest.mark.parametrize(
    "ask",
    [
        {"operation": "update", "parameters": {"connection_limit": 4}},
        {"operation": "rotate"},
        {"operation": "deprovision", "confirm": "orders"},
    ],
    ids=lambda ask: ask["operation"],
)
def test_an_ask_about_a_resource_may_say_what_was_seen_of_it(house: House, ask: dict[str, Any]) -> None:
    def submit(seen: str) -> HttpResponse:
        body, headers = {**ask, "resource": house.orders}, {"If-Match": seen}
        answer: HttpResponse = house.owner.client.post("/api/v1/requests", body, format="json", headers=headers)
        return answer

    seen = tag(house, resource(house))
    patch(house, seen)
    carry_out(resource_of(house.orders))
    refused(lambda: submit(seen), 412, "version_mismatch")
    refused(lambda: submit("open"), 400, "invalid_condition")
    assert submit(tag(house, resource(house))).status_code == 202


def test_a_repeated_change_is_answered_like_the_first_time_though_what_was_seen_has_changed(house: House) -> None:
    headers = {"If-Match": tag(house, resource(house)), "Idempotency-Key": '"once"'}
    first, again = (
        house.owner.client.patch(resource(house), {"plan": "medium"}, format="json", headers=headers) for _ in range(2)
    )
    assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)


def test_of_fifty_changes_of_what_all_have_seen_one_is_made(house: House) -> None:
    seen = tag(house, resource(house))
    bodies = [{"parameters": {"connection_limit": limit}} for limit in range(1, 11)]
    answers = fifty(house, "patch", resource(house), *bodies, **{"If-Match": seen})
    assert Counter(status for status, _, _ in answers) == {202: 1, 412: 49}
    assert {json.loads(body)["code"] for status, _, body in answers if status == 412} == {"version_mismatch"}
    assert Run.objects.filter(operation="update").count() == 1
    assert resource_of(house.orders).generation == 2


def test_an_environment_is_made_only_if_there_is_none_or_left_alone_only_if_it_is_as_seen(house: House) -> None:
    client, address = house.owner.client, f"{PLACE}/one"

    def put(**headers: str) -> HttpResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: HttpResponse = client.put(address, {}, format="json", headers=named)
        return answer

    refused(lambda: put(If_Match="*"), 412, "version_mismatch")
    refused(lambda: put(If_Match='"env-1-0123456789abcdef"'), 412, "version_mismatch")
    made = put(If_None_Match="*")
    assert made.status_code == 201
    refused(lambda: put(If_None_Match="*"), 412, "version_mismatch")
    assert put().status_code == 200  # changes nothing that is there, so nothing has to be said
    assert put(If_Match=made.headers["ETag"]).status_code == 200
    refused(lambda: put(If_Match='"env-9-0123456789abcdef"'), 412, "version_mismatch")


def test_an_environment_is_given_back_only_as_it_was_seen(house: House) -> None:
    client, address = house.owner.client, f"{PLACE}/one"
    client.put(address, {}, format="json")
    made = house.ordered(environment="one")
    seen = tag(house, address)
    carry_out(made)  # does not change the environment itself

    def delete(seen: str) -> HttpResponse:
        answer: HttpResponse = client.delete(f"{address}?confirm=one", headers={"If-Match": seen})
        return answer

    refused(lambda: delete('"env-7-0123456789abcdef"'), 412, "version_mismatch")
    assert delete(seen).status_code == 202
    refused(lambda: delete(seen), 412, "version_mismatch")


def addresses(house: House) -> list[str]:
    environment = show(Prefix.ENVIRONMENT, Environment.objects.get(name="staging").pk)
    made = house.ordered()
    request = ProvisioningRequest.objects.get(resource=made)
    return [
        resource(house).removeprefix("/api/v1/"),
        f"requests/{show(Prefix.PROVISIONING_REQUEST, request.pk)}",
        f"runs/{show(Prefix.RUN, run_of(made).pk)}",
        f"environments/{environment}",
        "projects/checkout/environments/staging",
        "projects/checkout",
        "offerings/postgres-database",
        "policies",
    ]


def test_what_the_caller_has_is_not_sent_again(house: House) -> None:
    client = house.owner.client
    for rest in addresses(house):
        address = f"/api/v1/{rest}"
        first = client.get(address)
        seen = first.headers["ETag"]
        assert not seen.startswith("W/"), address
        for had in (seen, f"W/{seen}", f'"other", {seen}', "*"):
            again = client.get(address, headers={"If-None-Match": had})
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", seen), address
            assert "Content-Type" not in again.headers
        other = client.get(address, headers={"If-None-Match": '"other"'})
        assert (other.status_code, other.content) == (200, first.content)


def test_another_body_has_another_tag(house: House) -> None:
    made = house.ordered()
    request = ProvisioningRequest.objects.get(resource=made)
    address = f"/api/v1/requests/{show(Prefix.PROVISIONING_REQUEST, request.pk)}"
    first = house.owner.client.get(address)
    run = run_of(made)
    Run.objects.filter(pk=run.pk).update(status="planning", epoch=1, lease_owner="w", lease_until=run.created_at)
    second = house.owner.client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200  # the request's row is as it was, what is told of its run is not
    assert body_of(second)["run"]["status"] == "planning"
    assert second.headers["ETag"] != first.headers["ETag"]


def test_what_is_shown_of_credentials_has_no_tag(house: House) -> None:
    shown = house.post(f"resources/{house.orders}/credentials")
    assert shown.status_code == 201
    assert "ETag" not in shown.headers


def test_a_refused_condition_leaves_no_trace(house: House) -> None:
    before = contents()
    patch(house, '"res-99-0123456789abcdef"')
    assert contents() == before
