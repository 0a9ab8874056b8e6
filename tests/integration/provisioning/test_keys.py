"""Idempotency keys: how they are written, how long they are kept, and what becomes of many calls with one."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.http import HttpResponse
from pytest_django import Settings

from governance.models import Quota
from governance.selectors.quotas import quota_reconcile
from platform_api.core import clock
from platform_api.core.ids import Prefix, show
from platform_api.idempotency.models import IdempotencyKey
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.models.scopes import ALL
from platform_api.tenancy.services.teams import role_grant, role_revoke
from platform_api.tenancy.services.tokens import token_issue
from provisioning.models import Environment, ProvisioningRequest, Run
from provisioning.services.reconcile import reconcile
from tests import databases
from tests.integration.provisioning.house import House, ask, body_of, carry_out, quota, resource_of
from tests.integration.provisioning.problems import refused, without_id
from tests.integration.provisioning.races import fifty
from tests.people import TESTS, Person

STAGING = "/api/v1/projects/checkout/environments/one"


def with_key(house: House, value: str | None) -> HttpResponse:
    """Order with a header as it is given."""
    headers = {} if value is None else {"Idempotency-Key": value}
    answer: HttpResponse = house.owner.client.post("/api/v1/requests", ask(), format="json", headers=headers)
    return answer


@pytest.mark.parametrize(
    "value", ["order-4711", '""', '"open', '"a", "b"', '"ümlaut"', f'"{"x" * 256}"', "", " ", '"tab\tin"']
)
def test_a_key_that_is_no_text_in_quotes_is_refused_with_the_way_to_write_it(house: House, value: str) -> None:
    assert refused(lambda: with_key(house, value), 400, "invalid_idempotency_key") == []
    assert '"order-4711"' in body_of(with_key(house, value))["remedy"]


def test_a_key_may_have_parameters_and_means_the_text_in_it(house: House) -> None:
    first, again = with_key(house, '"once"'), with_key(house, '"once";attempt=2')
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == first.content


def test_where_keys_are_required_an_order_without_one_is_refused(house: House, settings: Settings) -> None:
    settings.IDEMPOTENCY_KEY_REQUIRED = True
    client, resource = house.owner.client, f"/api/v1/resources/{house.orders}"
    refused(lambda: with_key(house, None), 400, "missing_idempotency_key")
    refused(
        lambda: client.patch(resource, {}, format="json", headers={"If-Match": "*"}), 400, "missing_idempotency_key"
    )
    refused(lambda: house.post(f"resources/{house.orders}/credentials/rotate"), 400, "missing_idempotency_key")
    assert with_key(house, '"once"').status_code == 202
    assert client.put(STAGING, {}, format="json").status_code == 201  # HTTP itself calls it safe to repeat


def ordered(house: House, by: Person | None = None, key: str = "once") -> HttpResponse:
    return house.order(by=by, key=key)


def changed(house: House, by: Person | None = None, key: str = "once") -> HttpResponse:
    return house.change("update", by=by, key=key)


def put(house: House, by: Person | None = None, key: str = "once") -> HttpResponse:
    client, headers = (by or house.owner).client, {"Idempotency-Key": f'"{key}"'}
    answer: HttpResponse = client.put(STAGING, {}, format="json", headers=headers)
    return answer


def given_back(house: House, by: Person | None = None, key: str = "once") -> HttpResponse:
    staging = show(Prefix.ENVIRONMENT, Environment.objects.get(name="staging").pk)
    client, headers = (by or house.owner).client, {"Idempotency-Key": f'"{key}"'}
    answer: HttpResponse = client.delete(f"/api/v1/environments/{staging}?confirm=staging", headers=headers)
    return answer


WAYS = [ordered, changed, put, given_back]


@pytest.mark.parametrize("way", WAYS)
def test_a_call_whose_key_is_held_for_long_is_told_to_come_back(
    house: House, way: Callable[[House], HttpResponse]
) -> None:
    def call() -> HttpResponse:
        return way(house)

    with databases.connected("DATABASE_URL", house.database) as other, other.transaction():
        other.execute("SELECT idempotency_key_lock(%s, 'once')", [house.owner.user.pk])
        refused(call, 409, "idempotency_in_progress")
        assert call().headers["Retry-After"] == "1"
    assert call().status_code == (201 if way is put else 202)


def test_a_key_is_kept_for_a_day_and_then_forgotten(house: House) -> None:
    house.order(key="old")
    house.order(key="young", name="other")
    reconcile()
    assert IdempotencyKey.objects.count() == 2
    with databases.connected("DATABASE_OWNER_URL", house.database) as owner:
        owner.execute(
            "UPDATE idempotency_key SET created_at = %s WHERE key = 'old'",
            [clock.now() - timedelta(hours=24, seconds=1)],
        )
    assert reconcile() == 1
    assert [row.key for row in IdempotencyKey.objects.all()] == ["young"]


def test_what_was_refused_is_judged_again_under_the_same_key(house: House) -> None:
    Quota.objects.filter(scope_name="project:checkout", kind="points").update(limit=1)
    assert house.order(key="once").status_code == 422
    Quota.objects.update(limit=20)
    answer = house.order(key="once")
    assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (202, None)


def test_an_environment_that_is_put_or_given_back_with_a_key_is_answered_like_the_first_time(house: House) -> None:
    client, headers = house.owner.client, {"Idempotency-Key": '"once"'}
    first = client.put(STAGING, {"tier": "staging"}, format="json", headers=headers)
    again = client.put(STAGING, {"tier": "staging"}, format="json", headers=headers)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert again.headers["Location"] == first.headers["Location"]
    refused(lambda: client.put(STAGING, {}, format="json", headers=headers), 422, "idempotency_mismatch")
    refused(lambda: client.delete(f"{STAGING}?confirm=one", headers=headers), 422, "idempotency_mismatch")
    other = {"Idempotency-Key": '"other"'}
    gone = client.delete(f"{STAGING}?confirm=one", headers=other)
    assert gone.status_code == 202
    assert client.delete(f"{STAGING}?confirm=one", headers=other).content == gone.content


def test_of_fifty_different_environments_at_once_with_one_key_one_is_made(house: House) -> None:
    bodies = [{"tier": tier} for tier in ("development", "staging")]
    answers = fifty(house, "put", STAGING, *bodies, **{"Idempotency-Key": '"once"'})
    told = Counter((status, body if status == 201 else json.loads(body)["code"]) for status, _, body in answers)
    assert sorted((status, count) for (status, _), count in told.items()) == [(201, 25), (422, 25)], told
    assert (422, "idempotency_mismatch") in told
    assert sum("Idempotency-Replayed" not in headers for status, headers, _ in answers if status == 201) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_repeated_call_is_answered_like_the_first_headers_and_all(
    house: House, way: Callable[..., HttpResponse]
) -> None:
    first, again = way(house), way(house)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    own = {"Correlation-Id", "traceparent", "RateLimit"}
    told, retold = ({name: value for name, value in each.items() if name not in own} for each in (first, again))
    assert retold == {**told, "Idempotency-Replayed": "true"}
    assert "ETag" in first.headers
    assert ("Retry-After" in first.headers) == (first.status_code == 202)


@pytest.mark.parametrize("way", WAYS)
def test_what_was_answered_is_not_given_again_to_who_may_not_see_it_any_more(
    house: House, way: Callable[..., HttpResponse]
) -> None:
    owner, people = house.owner, house.people
    role_grant(user=owner.user, role=Role.DEVELOPER, on=people.spy, caller=TESTS)
    narrowed = token_issue(user=owner.user, name="ci", caller=TESTS, scopes=ALL, project=people.spy)
    other = Person(owner.user, narrowed.secret)
    first = way(house)
    assert first.status_code in {201, 202}
    refusal = way(house, by=other, key="new")
    assert refusal.status_code in {404, 422}
    assert without_id(way(house, by=other)) == without_id(refusal)
    assert way(house).content == first.content
    role_revoke(user=owner.user, role=Role.DEVELOPER, on=people.checkout, caller=TESTS)
    assert without_id(way(house)) == without_id(refusal)


def test_credentials_are_not_kept_whatever_key_they_are_asked_for_with(house: House) -> None:
    shown = house.post(f"resources/{house.orders}/credentials", key="once")
    assert shown.status_code == 201
    assert house.post(f"resources/{house.orders}/credentials", key="once").status_code == 410
    assert not IdempotencyKey.objects.exists()


def test_fifty_identical_orders_at_once_are_one_whatever_has_become_of_quota_and_policy(
    house: House, closed: Any
) -> None:
    Quota.objects.filter(scope_name="project:checkout", kind="points").update(limit=2)  # one is used: room for one more
    order = partial(fifty, house, "post", "/api/v1/requests", ask(), **{"Idempotency-Key": '"once"'})
    answers = order()
    closed()
    later = order()
    assert {status for status, _, _ in answers + later} == {202}, answers
    assert len({body for _, _, body in answers + later}) == 1
    assert len({headers["Location"] for _, headers, _ in answers + later}) == 1
    assert sum("Idempotency-Replayed" not in headers for _, headers, _ in answers) == 1
    assert all(headers["Idempotency-Replayed"] == "true" for _, headers, _ in later)
    assert ProvisioningRequest.objects.filter(resource__name="invoices").count() == 1
    assert Run.objects.filter(resource__name="invoices").count() == 1
    assert IdempotencyKey.objects.count() == 1
    assert quota() == (1, 1)
    assert quota_reconcile() == []
    carry_out(resource_of(json.loads(answers[0][2])["resource"]["id"]))
