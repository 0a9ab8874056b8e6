"""Looking for all who wait in one process at once, where saying each change with ``NOTIFY`` would cost who makes them.

PostgreSQL lets transactions that notify commit one after the other. What ends is said so (``core.waiting``), for it is
rare. What changes several times a second, for each of many runs, is looked for instead, and only where somebody waits.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.db import Error, connection

from platform_api.core import row_scope
from platform_api.core.waiting import Seat

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
"""Between two looks; what is new is known so late at most."""

FAILED_SECONDS = 1.0
"""The same after one that failed."""


class Watch:
    """One thread, there while somebody waits, that asks one query for all of them and wakes those it concerns."""

    def __init__(self, name: str, look: Callable[[Sequence[UUID]], Mapping[UUID, int]]) -> None:
        """Watch nothing, until somebody comes.

        Args:
            name: Of the thread.
            look: Returns for each of these things a number that grows with it; on the platform's own account, and
                nothing but that leaves it.
        """
        self._name, self._look = name, look
        self._lock = threading.Lock()
        self._seats: defaultdict[UUID, set[Seat]] = defaultdict(set)
        self._known: dict[UUID, int] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, thing: UUID, seat: Seat) -> Iterator[None]:
        """Have a seat woken whenever a thing has grown, until the ``with`` ends."""
        with self._lock:
            self._seats[thing].add(seat)
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name=self._name, daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._seats[thing].discard(seat)
                if not self._seats[thing]:
                    del self._seats[thing]
                    self._known.pop(thing, None)

    def _keep(self) -> None:
        while things := self._watched():
            try:
                self._turn(things)
            except Error:
                logger.warning("what is new could not be looked for; tried again in %g s", FAILED_SECONDS)
                time.sleep(FAILED_SECONDS)
            except Exception:  # a thread that ended would leave everybody to their own slow looks
                logger.exception("what is new could not be looked for; tried again in %g s", FAILED_SECONDS)
                time.sleep(FAILED_SECONDS)
            time.sleep(LOOK_SECONDS)

    def _watched(self) -> list[UUID]:
        """Return what somebody waits for; where that is nothing this thread is to end, and who comes next makes one."""
        with self._lock:
            if not self._seats:
                self._thread = None
            return list(self._seats)

    def _turn(self, things: Sequence[UUID]) -> None:
        try:
            with row_scope.platform():
                found = self._look(things)
        finally:
            connection.close()  # back to the pool
        with self._lock:
            grown = [thing for thing, size in found.items() if size != self._known.get(thing)]
            seats = [seat for thing in grown for seat in self._seats.get(thing, ())]
            self._known.update({thing: found[thing] for thing in grown if thing in self._seats})
        for seat in seats:
            seat.wake()
