"""Whoever waits stays who they are: a held call outlives neither its token, nor its session, nor a role."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from platform_api.audit.models import AuditEvent
from platform_api.core.waiting import room
from platform_api.tenancy.models import ApiToken, User
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.services.sessions import sessions_end
from platform_api.tenancy.services.teams import role_revoke
from platform_api.tenancy.services.tokens import token_revoke
from tests import keeping
from tests.integration.admin.site import browser
from tests.integration.provisioning.house import House, ask, body_of, carry_out
from tests.integration.provisioning.problems import without_id
from tests.integration.provisioning.trio import PREVIEW, publish, put
from tests.integration.provisioning.waiters import Callers, got, requested, until
from tests.people import TESTS

pytestmark = pytest.mark.usefixtures("unaided")

PROMPT_SECONDS = 5
"""A second, and room for a slow machine; nobody of these tests is answered by another's end or by the time."""

OTHER = PREVIEW.replace("142", "143")


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_token_that_is_revoked_while_it_waits_is_refused_as_at_any_other_call(
    house: House, callers: Callers, tmp_path: Path, *, is_kept: bool
) -> None:
    _, request = requested(house)
    run = body_of(house.owner.client.get(request))["run"]["url"]
    publish(tmp_path)
    put(house)
    client = house.owner.client
    reads = [partial(client.get, f"{address}?wait=60") for address in (request, run, PREVIEW)]
    writes = [
        partial(client.post, "/api/v1/requests?wait=60", ask(name="other"), format="json"),
        partial(client.delete, f"/api/v1/resources/{house.orders}?confirm=orders&wait=60"),
        partial(put, house, f"{OTHER}?wait=60"),
    ]
    with keeping.warm() if is_kept else nullcontext():
        answers = [callers.call(call) for call in (*reads, *writes)]
        until(lambda: room.taken == len(answers))
        began = time.monotonic()
        token_revoke(token=ApiToken.objects.get(user=house.owner.user), caller=TESTS)
        told = [got(answer) for answer in answers]
        assert time.monotonic() - began < PROMPT_SECONDS
    later = client.get(request)
    assert (later.status_code, body_of(later)["code"]) == (401, "token_invalid")
    refused, accepted = told[: len(reads)], told[len(reads) :]
    assert [without_id(answer) for answer in refused] == [without_id(later)] * len(reads)
    assert {answer.headers["WWW-Authenticate"] for answer in refused} == {later.headers["WWW-Authenticate"]}
    # What was accepted stays so, and who asked is told where it is.
    assert [answer.status_code for answer in accepted] == [202] * len(writes)
    assert all(answer.headers["Location"] for answer in accepted)
    assert not AuditEvent.objects.filter(outcome="refused", actor_id=house.owner.user.pk).exists()
    assert room.taken == 0


def log_out(client: Client, _user: User) -> None:
    assert client.post(reverse("admin:logout")).status_code == 302


def end_all(_client: Client, user: User) -> None:
    sessions_end(user=user)


@pytest.mark.parametrize("end", [log_out, end_all])
def test_a_session_that_ends_while_it_waits_is_refused_as_at_any_other_call(
    house: House, callers: Callers, end: Callable[[Client, User], None]
) -> None:
    _, request = requested(house)
    user, client = house.owner.user, browser(house.owner.user)
    answer = callers.call(partial(client.get, f"{request}?wait=60"))
    until(lambda: room.taken == 1)
    began = time.monotonic()
    end(client, user)
    told = got(answer)
    assert (told.status_code, body_of(told)["code"]) == (401, "token_missing")
    assert time.monotonic() - began < PROMPT_SECONDS


def test_a_session_that_goes_on_is_answered_in_the_end(house: House, callers: Callers) -> None:
    resource, request = requested(house)
    client = browser(house.owner.user)
    answer = callers.call(partial(client.get, f"{request}?wait=60"))
    until(lambda: room.taken == 1)
    time.sleep(1)  # established anew in between
    carry_out(resource)
    assert body_of(got(answer))["status"] == "completed"


def test_who_loses_a_role_while_waiting_is_answered_like_a_stranger(house: House, callers: Callers) -> None:
    resource, request = requested(house)
    client = house.owner.client
    found = body_of(client.get(request))
    addresses = (request, found["run"]["url"])
    answers = [callers.call(partial(client.get, f"{address}?wait=60")) for address in addresses]
    until(lambda: room.taken == len(answers))
    role_revoke(user=house.owner.user, role=Role.DEVELOPER, on=house.people.checkout, caller=TESTS)
    carry_out(resource)
    for address, answer in zip(addresses, answers, strict=True):
        told = got(answer)
        assert told.status_code == 404
        assert without_id(told) == without_id(house.people.stranger.client.get(address))
