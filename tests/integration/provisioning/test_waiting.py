"""``?wait=``: whoever waits is woken by the end itself, holds no connection, and leaves threads to others.

The slow look is switched off in all of these tests: a waiter that returns was woken.
"""

import threading
from functools import partial
from typing import Any

import pytest
from django.http import HttpResponse
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from platform_api.core import row_scope, waiting
from platform_api.core.callers import Caller
from platform_api.core.connections import connect_apart
from platform_api.core.http.waiting import held
from platform_api.core.metrics import WAITS
from platform_api.core.waiting import WaitingRoom, room
from platform_api.tenancy.api.authentication import ApiTokenAuthentication
from platform_api.tenancy.api.permissions import caller_of
from provisioning.models import ProvisioningRequest, Resource
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_failed
from provisioning.states import FINAL_REQUEST
from tests import databases
from tests.integration.provisioning.house import House, apply_next, ask, body_of, carry_out, claim, prepare
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.trio import PREVIEW, publish, put
from tests.integration.provisioning.waiters import PATIENCE_SECONDS, Callers, got, requested, until

pytestmark = pytest.mark.usefixtures("unaided")

FAILED = RunFailure(code="terraform_failed", kind="permanent", detail="The server said no.", remedy="Look at the log.")


NO_TIMES = ["", "61", "-1", "1.5", "1e1", "0x1", "x", "٣", "030", "+1", " 1", "1&wait=2", "9" * 5000]


def test_a_time_that_is_none_is_refused_and_nothing_is_done(house: House) -> None:
    _, path = requested(house)
    run = body_of(house.owner.client.get(path))["run"]["url"]
    for wait in NO_TIMES:
        for address in (path, run, "/api/v1/projects/checkout/environments/staging"):
            refused(partial(house.owner.client.get, f"{address}?wait={wait}"), 400, "invalid_wait")
    refused(lambda: house.post("requests?wait=61", ask(name="other")), 400, "invalid_wait")
    refused(lambda: put(house, f"{PREVIEW}?wait=61"), 400, "invalid_wait")


def test_who_does_not_wait_is_answered_as_ever(house: House) -> None:
    _, path = requested(house)
    for address in (path, f"{path}?wait=0"):
        answer = house.owner.client.get(address)
        assert (answer.status_code, "Retry-After" in answer.headers) == (200, False)
    assert room.taken == 0


def test_what_is_final_is_answered_at_once(house: House) -> None:
    resource, path = requested(house)
    carry_out(resource)
    answer = house.owner.client.get(f"{path}?wait=60")
    assert (body_of(answer)["status"], "Retry-After" in answer.headers) == ("completed", False)


def test_every_waiter_of_a_request_is_woken_by_its_end(house: House, callers: Callers) -> None:
    resource, path = requested(house)
    client = house.owner.client
    answers = [callers.call(lambda: client.get(f"{path}?wait=60")) for _ in range(20)]
    until(lambda: room.taken == 20)
    carry_out(resource)
    assert [(got(answer).status_code, body_of(got(answer))["status"]) for answer in answers] == [
        (200, "completed")
    ] * 20
    assert room.taken == 0


def test_a_failure_and_a_run_wake_too(house: House, callers: Callers) -> None:
    resource, path = requested(house)
    run = body_of(house.owner.client.get(path))["run"]["url"]
    answers = [callers.call(partial(house.owner.client.get, f"{url}?wait=60")) for url in (path, run)]
    until(lambda: room.taken == 2)
    claimed = claim(resource)
    prepare(claimed)
    run_failed(claimed, FAILED, has_applied=False)
    assert [body_of(got(answer))["status"] for answer in answers] == ["failed", "errored"]


def test_an_order_that_waits_is_answered_with_what_became_of_it(house: House, callers: Callers) -> None:
    answer = callers.call(lambda: house.post("requests?wait=60", ask(), key="one"))
    until(lambda: room.taken == 1)
    carry_out(Resource.objects.get(name="invoices"))
    final = got(answer)
    assert (final.status_code, body_of(final)["status"]) == (200, "completed")
    assert final.headers["ETag"] == house.owner.client.get(final.headers["Location"]).headers["ETag"]
    assert final.headers["Location"] == f"/api/v1/requests/{body_of(final)['id']}"
    again = house.post("requests?wait=60", ask(), key="one")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert body_of(again) == body_of(final)
    assert house.post("requests", ask(), key="one").status_code == 202  # who does not wait gets the first answer again


def test_who_has_waited_long_enough_is_told_when_to_come_back(house: House) -> None:
    before = WAITS.labels("timeout")._value.get()
    ordered = house.post("requests?wait=1", ask())
    assert (ordered.status_code, ordered.headers["Retry-After"]) == (202, "1")
    looked = house.owner.client.get(f"{ordered.headers['Location']}?wait=1")
    assert (looked.status_code, looked.headers["Retry-After"]) == (200, "1")
    assert body_of(looked)["status"] == "fulfilling"
    assert WAITS.labels("timeout")._value.get() == before + 2


def test_a_short_form_waits_as_the_request_that_it_stands_for(house: House, callers: Callers) -> None:
    address = f"/api/v1/resources/{house.orders}?confirm=orders&wait=60"
    answer = callers.call(lambda: house.owner.client.delete(address))
    until(lambda: room.taken == 1)
    carry_out(Resource.objects.get(name="orders"))
    assert (got(answer).status_code, body_of(got(answer))["status"]) == (200, "completed")


def test_an_environment_is_waited_for_as_a_whole(house: House, callers: Callers, tmp_path: Any) -> None:
    publish(tmp_path)
    put(house)
    looked = callers.call(lambda: house.owner.client.get(f"{PREVIEW}?wait=60"))
    until(lambda: room.taken == 1)
    while apply_next(owner="tests", port=60):
        pass
    assert (got(looked).status_code, body_of(got(looked))["status"]) == (200, "ready")
    given_back = callers.call(lambda: house.owner.client.delete(f"{PREVIEW}?confirm=pr-142&wait=60"))
    until(lambda: room.taken == 1)
    while apply_next(owner="tests", port=60):
        pass
    assert (got(given_back).status_code, body_of(got(given_back))["status"]) == (200, "closed")


def test_beyond_half_of_the_threads_nobody_is_held(house: House, callers: Callers, settings: Settings) -> None:
    settings.API_THREADS = 5
    resource, path = requested(house)
    client = house.owner.client
    waiters = [callers.call(lambda: client.get(f"{path}?wait=60")) for _ in range(2)]
    until(lambda: room.taken == 2)
    turned_away: list[HttpResponse] = [client.get(f"{path}?wait=60"), house.post("requests?wait=60", ask(name="other"))]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in turned_away] == [(200, "1"), (202, "1")]
    carry_out(resource)
    assert {body_of(got(answer))["status"] for answer in waiters} == {"completed"}


def test_waiters_hold_no_connection_to_the_database(house: House, callers: Callers) -> None:
    resource, path = requested(house)
    client = house.owner.client
    answers = [callers.call(lambda: client.get(f"{path}?wait=60")) for _ in range(20)]

    def connected() -> set[tuple[int, str]]:
        with databases.superuser() as watcher:
            rows = watcher.execute(
                "SELECT pid, application_name FROM pg_stat_activity WHERE datname = %s", [house.database]
            )
            return {(int(str(pid)), str(name)) for pid, name in rows}

    until(lambda: room.taken == 20 and len(connected()) <= 2)
    names = [name for _, name in connected()]
    assert sorted(names) == ["slipway", "slipway-finals"]  # this test's own, and the one that listens
    carry_out(resource)
    assert {got(answer).status_code for answer in answers} == {200}


def fetch(resource: Resource) -> ProvisioningRequest:
    return ProvisioningRequest.objects.get(resource=resource)


def is_final(request: ProvisioningRequest) -> bool:
    return request.status in FINAL_REQUEST


def call_of(house: House) -> Request:
    """Return a call of the owner's, as it is when a view has it."""
    plain = APIRequestFactory().get("/", headers={"Authorization": f"Bearer {house.owner.secret}"})
    request = Request(plain, authenticators=[ApiTokenAuthentication()])
    with row_scope.bound(row_scope.NOTHING):  # lest the scope of the owner outlive the test
        assert caller_of(request).id == house.owner.user.pk
    return request


def test_an_end_between_a_look_and_the_wait_is_not_missed(
    house: House, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource, _ = requested(house)
    heard = threading.Event()
    wake = WaitingRoom.wake
    stale = fetch(resource)

    def telling(self: WaitingRoom, key: str | None = None) -> None:
        wake(self, key)
        if key == str(stale.pk):
            heard.set()

    monkeypatch.setattr(WaitingRoom, "wake", telling)
    looks: list[ProvisioningRequest] = []

    def read(_caller: Caller) -> ProvisioningRequest:
        looks.append(fetch(resource))
        if len(looks) == 1:  # just looked, and not waiting yet
            carry_out(resource)
            assert heard.wait(PATIENCE_SECONDS)
        return looks[-1]

    end = callers.call(lambda: held(stale, request=call_of(house), read=read, is_final=is_final, seconds=60))
    assert got(end).is_final
    assert [is_final(look) for look in looks] == [False, True]


def test_an_end_before_anybody_listens_is_not_missed(
    house: House, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_connect, looked = threading.Event(), threading.Event()

    def slow(**options: Any) -> Any:
        assert may_connect.wait(PATIENCE_SECONDS)
        return connect_apart(**options)

    monkeypatch.setattr(waiting, "connect_apart", slow)
    resource, _ = requested(house)

    def read(_caller: Caller) -> ProvisioningRequest:
        found = fetch(resource)
        looked.set()
        return found

    request = call_of(house)
    end = callers.call(lambda: held(fetch(resource), request=request, read=read, is_final=is_final, seconds=60))
    assert looked.wait(PATIENCE_SECONDS)
    carry_out(resource)
    may_connect.set()
    assert got(end).is_final


def test_an_end_while_the_connection_was_gone_is_not_missed(
    house: House, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource, path = requested(house)
    answer = callers.call(lambda: house.owner.client.get(f"{path}?wait=60"))
    ending = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'slipway-finals'"
    may_connect = threading.Event()

    def slow(**options: Any) -> Any:
        assert may_connect.wait(PATIENCE_SECONDS)
        return connect_apart(**options)

    until(lambda: room.taken == 1)
    with databases.superuser() as watcher:
        until(lambda: watcher.execute(ending.replace("pg_terminate_backend(pid)", "*")).fetchone() == (1,))
        monkeypatch.setattr(waiting, "connect_apart", slow)
        assert watcher.execute(ending).fetchone() == (1,)
    carry_out(resource)
    may_connect.set()
    assert body_of(got(answer))["status"] == "completed"


def test_the_listener_goes_when_nobody_has_waited_for_long_and_comes_back(
    house: House, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(waiting, "_TURN_SECONDS", 0.01)
    for name in ("one", "two"):
        resource, path = requested(house, name=name)
        answer = callers.call(partial(house.owner.client.get, f"{path}?wait=60"))
        until(lambda: room.taken == 1)
        carry_out(resource)
        assert body_of(got(answer))["status"] == "completed"
        until(lambda: not any(thread.name == "slipway-finals" for thread in threading.enumerate()))


def test_an_accepted_order_is_answered_though_what_became_of_it_cannot_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def broken(*_: object, **__: object) -> None:
        raise OperationalError("the database went away")

    monkeypatch.setattr("provisioning.api.requests.request_get", broken)
    answer = house.post("requests?wait=60", ask())
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "1")
    assert body_of(answer)["status"] == "fulfilling"
