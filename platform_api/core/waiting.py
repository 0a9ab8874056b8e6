"""Waiting for something to end, without a connection: one thread of a process listens, and wakes who waits.

A trigger says on the channel what ended, in the transaction that ended it. Who waits takes a seat first and looks then:
an end between the two is heard. A notice may be lost with its connection; whoever waits looks again when there is a new
one, and from time to time anyhow.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
from django.conf import settings

from platform_api.core import metrics
from platform_api.core.connections import connect_apart

logger = logging.getLogger(__name__)

CHANNEL = "finals"
"""What the triggers speak on; each notice is the id of what ended, or may have."""

RECONNECT_SECONDS = 1.0
IDLE_SECONDS = 60.0
"""So long nobody waits before the listening thread goes, and its connection with it."""

_TURN_SECONDS = 1.0


class Seat:
    """The place of one thread that waits."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def settle(self) -> None:
        """Forget what was heard so far. To be called before looking, so that what is heard after that counts."""
        self._woken.clear()

    def wait(self, seconds: float) -> bool:
        """Return whether something was heard since the last ``settle``, at once or within so many seconds."""
        return self._woken.wait(seconds)

    def wake(self) -> None:
        """Let the thread look again."""
        self._woken.set()


class WaitingRoom:
    """All who wait in one process. Full when half of the threads that answer calls are in it.

    Attributes:
        is_emptied: Whether nobody may wait here any more.
    """

    def __init__(self) -> None:
        """Open it, empty; nothing is listened to until somebody comes."""
        self._lock = threading.Lock()
        self._seats: defaultdict[str, set[Seat]] = defaultdict(set)
        self._taken = 0
        self._listener: _Listener | None = None
        self.is_emptied = False

    @contextmanager
    def seat(self, thing: UUID) -> Iterator[Seat | None]:
        """Give the calling thread a place to wait for a thing; None where the room is full."""
        key, seat = str(thing), Seat()
        with self._lock:
            is_full = self.is_emptied or self._taken >= settings.API_THREADS // 2
            if not is_full:
                self._taken += 1
                self._seats[key].add(seat)
                if self._listener is None:
                    self._listener = _Listener(self)
                    self._listener.start()
        if is_full:
            yield None
            return
        metrics.WAITERS.inc()
        try:
            yield seat
        finally:
            metrics.WAITERS.dec()
            with self._lock:
                self._taken -= 1
                self._seats[key].discard(seat)
                if not self._seats[key]:
                    del self._seats[key]

    @property
    def taken(self) -> int:
        """How many wait."""
        return self._taken

    def wake(self, key: str | None = None) -> None:
        """Let those look again who wait for a thing; everybody where none is named."""
        with self._lock:
            sets = list(self._seats.values()) if key is None else [self._seats.get(key, set())]
            for seat in [seat for seats in sets for seat in seats]:
                seat.wake()

    def close(self) -> None:
        """Stop listening, and let everybody look again."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()
        self.wake()

    def empty(self) -> None:
        """Send everybody away, and let nobody in any more: this process is about to end."""
        self.is_emptied = True
        self.wake()

    def may_go(self, listener: "_Listener") -> bool:
        """Tell a listener that has had nobody to listen for whether it may end; another is made when somebody comes."""
        with self._lock:
            if self._taken:
                return False
            if self._listener is listener:
                self._listener = None
            return True


class _Listener(threading.Thread):
    """Hears what ended, on a connection of its own, which is none of the pool."""

    def __init__(self, room: WaitingRoom) -> None:
        super().__init__(name="slipway-finals", daemon=True)
        self._room = room
        self._is_stopping = threading.Event()

    def stop(self) -> None:
        self._is_stopping.set()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        while not self._is_stopping.is_set():
            try:
                if self._listen():
                    return
            except psycopg.Error:
                logger.warning("nothing is heard of what ends; tried again in %g s", RECONNECT_SECONDS)
                self._is_stopping.wait(RECONNECT_SECONDS)

    def _listen(self) -> bool:
        """Listen until nobody waits any more; return whether this thread may end."""
        with connect_apart(name="slipway-finals") as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            self._room.wake()  # whatever ended before this was not heard
            idle_seconds = 0.0
            while not self._is_stopping.is_set():
                for notice in listener.notifies(timeout=_TURN_SECONDS):
                    self._room.wake(notice.payload)
                idle_seconds = 0.0 if self._room.taken else idle_seconds + _TURN_SECONDS
                if idle_seconds >= IDLE_SECONDS and self._room.may_go(self):
                    return True
        return True


room = WaitingRoom()
"""The process's own."""
