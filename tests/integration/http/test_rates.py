"""Rate limits on a real Valkey; and on one that is gone, or does not answer."""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings as configured
from django.test import Client
from pytest_django import Settings

from platform_api.audit.models import AuditEvent
from platform_api.core.metrics import RATE_FALLBACKS, RATE_REFUSALS
from platform_api.core.rates import limits, shared
from platform_api.core.rates.buckets import Buckets
from platform_api.core.rates.leases import TOGETHER
from platform_api.core.rates.shared import SharedBuckets, ValkeySilentError
from platform_api.core.rates.terms import Rate, RateKind
from tests.integration.http.test_problems import is_problem
from tests.people import People

LIST = "/api/v1/resources"
RATE = Rate(per_minute=1, burst=50)
TIGHT_RATE = Rate(per_minute=1, burst=3)
# So slow that no test sees a call regained.
TIGHT = {"read": (1, 3), "write": (1, 2), "attempt": (1, 4)}


@pytest.fixture(autouse=True)
def _own_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets what another has taken in this process."""
    monkeypatch.setattr(limits, "_own", Buckets())


@pytest.fixture
def url() -> Iterator[str]:
    """A database of the Valkey that only these tests use."""
    place = urlsplit(configured.CELERY["broker_url"])._replace(path="/8").geturl()
    yield place
    with redis.Redis.from_url(place) as client:
        client.flushdb()


@pytest.fixture
def tight(settings: Settings, url: str) -> None:
    settings.RATES = TIGHT
    settings.CELERY = {**settings.CELERY, "broker_url": url}


@pytest.fixture
def frozen() -> Iterator[str]:
    """A Valkey that takes calls and says nothing, as one that was stopped does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def counted(metric: object) -> float:
    return metric._value.get()  # type: ignore[attr-defined, no-any-return]  # the library has no reader of its own


def test_of_many_calls_at_once_exactly_the_burst_passes(url: str) -> None:
    buckets = SharedBuckets(url)
    buckets.take("other", RATE)  # connected, and the script is there
    with ThreadPoolExecutor(20) as threads:
        verdicts = list(threads.map(lambda _: buckets.take("one", RATE), range(200)))
    assert sorted(verdict.remaining for verdict in verdicts if verdict.is_allowed) == list(range(50))
    assert {verdict.retry_seconds for verdict in verdicts if not verdict.is_allowed} <= {59, 60}
    assert buckets.take("another", RATE).remaining == 49
    buckets.close()


def test_a_bucket_goes_by_itself_when_it_is_full_again(url: str) -> None:
    buckets = SharedBuckets(url)
    buckets.take("one", TIGHT_RATE)
    with redis.Redis.from_url(url) as client:
        assert 0 < client.pttl("slipway:rate:one") <= 60_001
    buckets.close()


def test_the_script_is_brought_again_to_a_valkey_that_lost_it(url: str) -> None:
    buckets = SharedBuckets(url)
    buckets.take("one", RATE)
    with redis.Redis.from_url(url) as client:
        client.script_flush()
    assert buckets.take("one", RATE).is_allowed
    buckets.close()


def test_the_shared_and_the_own_buckets_say_the_same(url: str) -> None:
    remote, own = SharedBuckets(url), Buckets()
    for rate in (TIGHT_RATE, RATE):
        said = [[each.take(f"of {rate.burst}", rate) for _ in range(rate.burst + 1)] for each in (remote, own)]
        shown = [[(verdict.is_allowed, verdict.remaining) for verdict in verdicts] for verdicts in said]
        assert shown[0] == shown[1] == [*((True, number) for number in reversed(range(rate.burst))), (False, 0)]
    remote.close()


def test_two_processes_let_no_more_pass_than_the_burst_and_few_less(url: str) -> None:
    one, other = SharedBuckets(url), SharedBuckets(url)
    passed = sum(each.take("x", RATE).is_allowed for _ in range(RATE.burst) for each in (one, other))
    assert passed == RATE.burst
    alone = SharedBuckets(url)
    assert alone.take("y", RATE).is_allowed  # the others that it took with this one are used by nobody
    passed = sum(one.take("y", RATE).is_allowed for _ in range(2 * RATE.burst))
    assert passed == RATE.burst - TOGETHER
    for each in (one, other, alone):
        each.close()


def test_a_busy_holder_costs_few_round_trips(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    buckets, asked = SharedBuckets(url), list[str]()
    ask = buckets._ask

    def counting(*words: str) -> Any:
        asked.append(words[0])
        return ask(*words)

    rate = Rate(per_minute=1, burst=4 * TOGETHER)
    buckets.take("first", rate)  # the Valkey knows the script from now on
    monkeypatch.setattr(buckets, "_ask", counting)
    for _ in range(2 * TOGETHER):
        assert buckets.take("x", rate).is_allowed
    assert len(asked) == 2
    buckets.close()


@pytest.mark.usefixtures("tight")
def test_every_answer_tells_where_the_token_stands(people: People) -> None:
    client = people.owner.client
    answers = [client.get(LIST) for _ in range(3)]
    told = [re.fullmatch(r'"read";r=(\d+);t=(\d+)', answer.headers["RateLimit"]) for answer in answers]
    assert [int(found[1]) for found in told if found] == [2, 1, 0]
    assert [-(-int(found[2]) // 60) for found in told if found] == [1, 2, 3]  # minutes until all are back
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"read";q=3;w=180'}


@pytest.mark.usefixtures("tight")
def test_one_call_too_many_is_a_problem_that_says_when_to_come_back(people: People) -> None:
    client, before = people.owner.client, counted(RATE_REFUSALS.labels("read"))
    answers = [client.get(LIST) for _ in range(4)]
    assert is_problem(answers[-1], 429, "rate_limited")
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].headers["RateLimit"].startswith('"read";r=0;t=')
    assert counted(RATE_REFUSALS.labels("read")) == before + 1
    assert people.teammate.client.get(LIST).status_code == 200  # another token


@pytest.mark.usefixtures("tight")
def test_reads_and_writes_are_counted_apart_and_what_is_refused_counts(people: People) -> None:
    client = people.owner.client
    assert [client.get(LIST).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert [client.post(LIST).status_code for _ in range(3)] == [405, 405, 429]


def test_a_rate_of_nothing_limits_nothing(people: People, settings: Settings) -> None:
    settings.RATES = dict.fromkeys(TIGHT, (0, 1))
    answers = [people.owner.client.get(LIST) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers


@pytest.mark.usefixtures("tight")
def test_without_the_valkey_reads_pass_and_writes_are_limited_by_each_process(
    people: People, settings: Settings
) -> None:
    settings.CELERY = {**settings.CELERY, "broker_url": "redis://127.0.0.1:1/0"}
    client, before = people.owner.client, counted(RATE_FALLBACKS)
    reads = [client.get(LIST) for _ in range(6)]
    assert {answer.status_code for answer in reads} == {200}
    assert "RateLimit" not in reads[0].headers
    assert [client.post(LIST).status_code for _ in range(3)] == [405, 405, 429]
    assert counted(RATE_FALLBACKS) == before + 9


def test_a_frozen_valkey_is_asked_once_and_then_left_alone(frozen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    buckets = SharedBuckets(frozen)
    asked: list[str] = []
    ask = buckets._ask

    def counted_ask(*words: str) -> Any:
        asked.append("once")
        return ask(*words)

    monkeypatch.setattr(buckets, "_ask", counted_ask)
    for _ in range(100):
        with pytest.raises(ValkeySilentError):
            buckets.take("one", RATE)
    # 100 calls of a patience each would take five pauses; a slow machine may see one pause end.
    assert len(asked) <= 1 + 100 * shared.PATIENCE_SECONDS / shared.PAUSE_SECONDS
    buckets.close()


@pytest.mark.django_db
@pytest.mark.usefixtures("tight")
def test_who_fails_to_say_who_it_is_is_soon_told_to_come_back_and_not_recorded_any_more() -> None:
    answers = [Client().get(LIST, headers={"Authorization": "Bearer guess"}) for _ in range(8)]
    assert [answer.status_code for answer in answers[:4]] == [401] * 4
    assert is_problem(answers[-1], 429, "rate_limited")
    assert AuditEvent.objects.filter(code="token_invalid").count() == 4


@pytest.mark.usefixtures("tight")
def test_a_sound_token_does_not_pay_for_others_at_its_address(people: People) -> None:
    client = people.owner.client
    for _ in range(8):
        Client().get(LIST)
    assert client.get(LIST).status_code == 200


@pytest.mark.django_db
@pytest.mark.usefixtures("tight")
def test_a_network_of_ipv6_counts_as_one_address() -> None:
    codes = [Client(REMOTE_ADDR=f"2001:db8::{number}").get(LIST).status_code for number in range(1, 6)]
    assert codes == [401, 401, 401, 401, 429]
    assert Client(REMOTE_ADDR="2001:db8:0:1::1").get(LIST).status_code == 401
    assert Client(REMOTE_ADDR="").get(LIST).status_code == 401


def test_attempts_are_never_asked_of_the_valkey(frozen: str, settings: Settings) -> None:
    settings.RATES, before = TIGHT, counted(RATE_FALLBACKS)
    settings.CELERY = {**settings.CELERY, "broker_url": frozen}
    verdicts = [limits.rate_take(RateKind.ATTEMPT, "127.0.0.1") for _ in range(5)]
    assert [verdict.is_allowed for verdict in verdicts if verdict] == [True] * 4 + [False]
    assert counted(RATE_FALLBACKS) == before
