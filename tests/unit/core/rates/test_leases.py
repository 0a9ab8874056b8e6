import pytest

from platform_api.core.rates import leases
from platform_api.core.rates.buckets import Buckets
from platform_api.core.rates.leases import Leases
from platform_api.core.rates.terms import Rate
from tests.unit.core.rates.test_buckets import Clock

RATE = Rate(per_minute=60, burst=100)
SECOND = 1_000_000


@pytest.mark.parametrize("step", [SECOND // 3, SECOND, 5 * SECOND // 4])
def test_calls_taken_together_say_what_they_would_have_said_one_by_one(step: int) -> None:
    clock = Clock()
    held, own = Leases(clock=clock), Buckets(clock=clock)
    clock.now = 5 * SECOND
    said = [held.keep("a", RATE, taken=4, full_in=4 * RATE.interval)]
    expected = [own.take("a", RATE)]
    for _ in range(3):
        clock.now += step
        verdict = held.take("a", RATE)
        assert verdict is not None
        said.append(verdict)
        expected.append(own.take("a", RATE))
    assert said == expected
    assert held.take("a", RATE) is None


def test_what_is_not_used_is_let_go_when_the_bucket_has_regained_it() -> None:
    clock = Clock()
    held = Leases(clock=clock)
    held.keep("a", RATE, taken=4, full_in=4 * RATE.interval)
    clock.now = 4 * RATE.interval - 1
    assert held.take("a", RATE) is not None
    clock.now += 1
    assert held.take("a", RATE) is None


def test_calls_of_a_fast_rate_are_kept_for_a_second_and_no_longer() -> None:
    clock, fast = Clock(), Rate(per_minute=60_000, burst=1000)
    held = Leases(clock=clock)
    held.keep("a", fast, taken=4, full_in=4 * fast.interval)
    clock.now = SECOND - 1
    assert held.take("a", fast) is not None
    clock.now += 1
    assert held.take("a", fast) is None


def test_calls_of_one_holder_or_rate_are_no_others() -> None:
    held = Leases(clock=Clock())
    held.keep("a", RATE, taken=2, full_in=2 * RATE.interval)
    assert held.take("b", RATE) is None
    assert held.take("a", Rate(per_minute=60, burst=50)) is None
    assert held.take("a", RATE) is not None


def test_one_call_alone_leaves_nothing_behind() -> None:
    held = Leases(clock=Clock())
    assert held.keep("a", RATE, taken=1, full_in=RATE.interval).remaining == RATE.burst - 1
    assert held.take("a", RATE) is None


def test_a_process_remembers_so_many_holders_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "MOST", 2)
    held = Leases(clock=Clock())
    for holder in ("a", "b", "c"):
        held.keep(holder, RATE, taken=3, full_in=3 * RATE.interval)
    assert held.take("a", RATE) is None
    assert held.take("b", RATE) is not None
