"""What a process keeps for a while of what it looked up, so that not each call looks it up again.

What is kept may have a *generation*: a number in PostgreSQL that triggers move, in the very transaction that changes
what was looked up (``MovesGeneration`` in ``core/migrations.py``). A process looks at the number now and then, one row
by its key, and goes by nothing that it kept under another. So a value can be kept for minutes and yet be wrong for a
second at most, however many are kept.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from django.conf import settings
from django.db import connection

MAX_KEPT = 4096
"""Entries of one kind: a bound on what a process holds."""

LOOK_SECONDS = 0.5
"""A process looks at a generation so often at most. Twice that is the longest that a change goes unseen."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Generation:
    """How often something has changed, as far as this process has seen.

    Args:
        name: Of a row in table ``generation``; what moves it is said by the migrations that name it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._seen: tuple[float, int] | None = None
        self._looking = Lock()

    def number(self) -> int:
        """Return a number that stood within the last second; look at PostgreSQL if it is older than half of that.

        One thread looks while the others go on with what they have, unless that would become older than a second.

        Raises:
            LookupError: There is no such row; the migrations that are applied do not fit this code.
        """
        seen, waited = self._seen, 0.0
        if seen is not None and (waited := monotonic() - seen[0]) < LOOK_SECONDS:
            return seen[1]
        is_first = self._looking.acquire(blocking=False)
        try:
            if seen is not None and not is_first and waited < 2 * LOOK_SECONDS:
                return seen[1]
            began = monotonic()  # before the question: what changes while it is answered is seen by the next
            number = self._read()
            self._seen = began, number
            return number
        finally:
            if is_first:
                self._looking.release()

    def _read(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT number FROM generation WHERE name = %s", [self.name])
            row: tuple[int] | None = cursor.fetchone()
        if row is None:
            msg = f"There is no generation {self.name}; run migrate."
            raise LookupError(msg)
        return row[0]


@dataclass(frozen=True)
class _Entry(Generic[Value]):
    until: float
    number: int
    value: Value


class Kept(Generic[Key, Value]):
    """Values by key, each for as many seconds as a setting says, and no longer than its generation stands.

    What was not found is never kept. The generation is read before a value is looked up, so that a change between the
    two has the value looked up once too often, never kept by mistake. Nothing may be looked up in a transaction that
    has changed what it looks at: what a rollback undoes would stay.
    """

    def __init__(self, *, setting: str, generation: Generation | None = None) -> None:
        """Keep nothing yet.

        Args:
            setting: Name of the setting; 0 keeps nothing, and asks no generation.
            generation: What the values depend on; without one only their age counts.
        """
        self._setting, self._generation = setting, generation
        self._values: dict[Key, _Entry[Value]] = {}
        self._changing = Lock()

    def get(self, key: Key, look_up: Callable[[], Value]) -> Value:
        """Return the value of a key, looked up if it is not known, or was known for too long or before a change."""
        seconds: float = getattr(settings, self._setting)
        if seconds <= 0:
            return look_up()
        number = 0 if self._generation is None else self._generation.number()
        now, known = monotonic(), self._values.get(key)
        if known is not None and known.number == number and now < known.until:
            return known.value
        found = look_up()
        with self._changing:
            self._values.pop(key, None)  # a new entry is the youngest; the eldest makes room
            if len(self._values) >= MAX_KEPT:
                del self._values[next(iter(self._values))]
            self._values[key] = _Entry(now + seconds, number, found)
        return found

    def forget(self, key: Key) -> None:
        """Look the key up anew next time."""
        self._values.pop(key, None)
