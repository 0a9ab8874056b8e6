import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.core.rates import buckets
from platform_api.core.rates.breaker import Breaker
from platform_api.core.rates.buckets import Buckets
from platform_api.core.rates.terms import MICROSECONDS, Rate


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_passes_and_the_next_call_is_told_when_to_come_back(clock: Clock) -> None:
    own, rate = Buckets(clock=clock), Rate(per_minute=120, burst=3)
    assert [own.take("a", rate).remaining for _ in range(3)] == [2, 1, 0]
    refused = own.take("a", rate)
    assert (refused.is_allowed, refused.remaining, refused.retry_seconds, refused.reset_seconds) == (False, 0, 1, 2)
    clock.now += MICROSECONDS // 2
    assert own.take("a", rate).is_allowed
    assert not own.take("a", rate).is_allowed


def test_a_refused_call_takes_nothing(clock: Clock) -> None:
    own, rate = Buckets(clock=clock), Rate(per_minute=60, burst=1)
    assert own.take("a", rate).is_allowed
    for _ in range(100):
        assert not own.take("a", rate).is_allowed
    clock.now += MICROSECONDS
    assert own.take("a", rate).is_allowed


def test_holders_do_not_pay_for_each_other(clock: Clock) -> None:
    own, rate = Buckets(clock=clock), Rate(per_minute=60, burst=1)
    assert own.take("a", rate).is_allowed
    assert own.take("b", rate).is_allowed


def test_a_process_remembers_so_many_holders_and_no_more(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MOST", 2)
    own, rate = Buckets(clock=clock), Rate(per_minute=60, burst=1)
    for holder in ("a", "b", "c"):
        assert own.take(holder, rate).is_allowed
    assert not own.take("c", rate).is_allowed
    assert own.take("a", rate).is_allowed  # forgotten, and so as new


@given(
    rate=st.builds(Rate, per_minute=st.integers(1, 60_000), burst=st.integers(1, 50)),
    pauses=st.lists(st.integers(0, 2 * MICROSECONDS), max_size=200),
)
def test_never_more_than_the_burst_and_what_was_regained(rate: Rate, pauses: list[int]) -> None:
    clock = Clock()
    own, allowed = Buckets(clock=clock), 0
    for pause in pauses:
        clock.now += pause
        verdict = own.take("a", rate)
        allowed += verdict.is_allowed
        assert 0 <= verdict.remaining < rate.burst
        assert (verdict.retry_seconds == 0) == verdict.is_allowed
    assert allowed <= rate.burst + clock.now // rate.interval


@pytest.mark.parametrize(
    ("per_minute", "burst", "window"),
    [(6000, 500, 5), (30_000, 1000, 2), (120, 60, 30), (180, 1, 1), (1, 3, 180)],
)
def test_the_window_is_the_time_in_which_a_burst_is_regained(per_minute: int, burst: int, window: int) -> None:
    assert Rate(per_minute=per_minute, burst=burst).window_seconds == window


def test_after_a_failure_nobody_tries_for_a_while_and_then_one_alone(clock: Clock) -> None:
    breaker = Breaker(seconds=2, clock=clock)
    clock.now = 10
    assert [breaker.may_try(), breaker.may_try()] == [True, True]
    breaker.failed()
    assert not breaker.may_try()
    clock.now += 2
    assert [breaker.may_try(), breaker.may_try()] == [True, False]
    breaker.failed()
    assert not breaker.may_try()
    clock.now += 2
    assert breaker.may_try()
    breaker.succeeded()
    assert [breaker.may_try(), breaker.may_try()] == [True, True]
