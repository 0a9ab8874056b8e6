from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
from django.test import override_settings

from platform_api.core import keeping
from platform_api.core.keeping import LOOK_SECONDS, Generation, Kept

SETTING = "TOKEN_AGE_SECONDS"


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def __call__(self) -> float:
        return self.moment


class Looked(Generation):
    """A generation whose row is a number here; counts how often it was looked at."""

    def __init__(self) -> None:
        super().__init__("test")
        self.current, self.looks = 1, 0
        self.hold: Callable[[], object] = bool

    def _read(self) -> int:
        self.looks += 1
        current = self.current
        self.hold()
        return current


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(keeping, "monotonic", made)
    return made


def answers(kept: Kept[str, int], *, of: list[int]) -> Callable[[], int]:
    """Return how to ask for a key whose value is another each time it is looked up."""
    return lambda: kept.get("key", lambda: of.pop(0))


def test_a_value_is_kept_for_as_long_as_the_setting_says(clock: Clock) -> None:
    ask = answers(Kept(setting=SETTING), of=[1, 2])
    with override_settings(TOKEN_AGE_SECONDS=60.0):
        assert ask() == 1
        clock.moment += 59.9
        assert ask() == 1
        clock.moment += 0.1
        assert ask() == 2


def test_nothing_is_kept_and_no_generation_asked_where_the_setting_is_0(clock: Clock) -> None:
    generation = Looked()
    kept: Kept[str, int] = Kept(setting=SETTING, generation=generation)
    ask = answers(kept, of=[1, 2])
    assert (ask(), ask()) == (1, 2)
    assert generation.looks == 0
    assert kept._values == {}


def test_a_value_is_kept_no_longer_than_its_generation_stands(clock: Clock) -> None:
    generation = Looked()
    ask = answers(Kept(setting=SETTING, generation=generation), of=[1, 2])
    with override_settings(TOKEN_AGE_SECONDS=60.0):
        assert ask() == 1
        generation.current += 1
        clock.moment += LOOK_SECONDS
        assert ask() == 2
        assert ask() == 2


def test_a_value_that_was_looked_up_while_its_generation_moved_counts_as_old(clock: Clock) -> None:
    generation = Looked()
    kept: Kept[str, str] = Kept(setting=SETTING, generation=generation)

    def look_up() -> str:
        generation.current += 1  # committed by another after the generation was read
        return "from before or after: nobody can tell"

    with override_settings(TOKEN_AGE_SECONDS=60.0):
        kept.get("key", look_up)
        clock.moment += LOOK_SECONDS
        assert kept.get("key", lambda: "looked up again") == "looked up again"


def test_a_generation_is_looked_at_every_half_second_at_most(clock: Clock) -> None:
    generation = Looked()
    for _ in range(100):
        generation.number()
        clock.moment += 0.125
    assert generation.looks == 25


def test_one_thread_looks_while_others_go_on_with_what_is_no_older_than_a_second(clock: Clock) -> None:
    generation = Looked()
    assert generation.number() == 1
    begun, go_on = Event(), Event()

    def hold() -> None:
        begun.set()
        assert go_on.wait(timeout=30)

    generation.current, generation.hold = 2, hold
    clock.moment += LOOK_SECONDS
    first = Thread(target=generation.number)
    first.start()
    try:
        assert begun.wait(timeout=30)
        generation.hold = bool
        assert (generation.number(), generation.looks) == (1, 2)
        clock.moment += LOOK_SECONDS
        assert (generation.number(), generation.looks) == (2, 3)
    finally:
        go_on.set()
        first.join(timeout=30)


def test_a_look_that_fails_leaves_the_next_thread_free_to_look(clock: Clock) -> None:
    generation = Looked()

    def fail() -> Any:
        raise ConnectionError

    generation.hold = fail
    with pytest.raises(ConnectionError):
        generation.number()
    generation.hold = bool
    assert generation.number() == 1


def test_what_is_not_found_is_never_kept() -> None:
    kept: Kept[str, int] = Kept(setting=SETTING)

    def look_up() -> int:
        raise LookupError

    with override_settings(TOKEN_AGE_SECONDS=60.0):
        with pytest.raises(LookupError):
            kept.get("key", look_up)
        assert kept.get("key", lambda: 1) == 1


def test_the_eldest_entry_makes_room_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_KEPT", 2)
    kept: Kept[str, int] = Kept(setting=SETTING)
    with override_settings(TOKEN_AGE_SECONDS=60.0):
        for number, key in enumerate("abc"):
            kept.get(key, lambda number=number: number)  # type: ignore[misc] # bound now
        assert list(kept._values) == ["b", "c"]
        assert kept.get("b", lambda: 9) == 1
