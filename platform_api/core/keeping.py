"""What a process keeps for a moment of what it looked up, so that not each call looks it up again."""

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

from django.conf import settings

MAX_KEPT = 1000
"""Entries of one kind: a bound on what a process holds."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values by key, each for as many seconds as a setting says; what was not found is never kept."""

    def __init__(self, *, setting: str) -> None:
        """Keep nothing yet.

        Args:
            setting: Name of the setting; 0 keeps nothing.
        """
        self._setting = setting
        self._values: dict[Key, tuple[float, Value]] = {}

    def get(self, key: Key, look_up: Callable[[], Value]) -> Value:
        """Return the value of a key, looked up if it is not known or was known for too long."""
        now, known = monotonic(), self._values.get(key)
        if known is not None and now < known[0]:
            return known[1]
        found = look_up()
        if len(self._values) >= MAX_KEPT:
            self._values.clear()
        self._values[key] = (now + getattr(settings, self._setting), found)
        return found

    def forget(self, key: Key) -> None:
        """Look the key up anew next time."""
        self._values.pop(key, None)
