"""What a process keeps of the catalog for a moment, so that an order does not look it up each time."""

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

from django.conf import settings

MAX_KEPT = 1000
"""Entries of one kind; more than any catalog has, and a bound on what made-up names could fill."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values by key, each for ``CATALOG_AGE_SECONDS``; what was not found is never kept."""

    def __init__(self) -> None:
        self._values: dict[Key, tuple[float, Value]] = {}

    def get(self, key: Key, look_up: Callable[[], Value]) -> Value:
        """Return the value of a key, looked up if it is not known or was known for too long."""
        now, known = monotonic(), self._values.get(key)
        if known is not None and now < known[0]:
            return known[1]
        found = look_up()
        if len(self._values) >= MAX_KEPT:
            self._values.clear()
        self._values[key] = (now + settings.CATALOG_AGE_SECONDS, found)
        return found
