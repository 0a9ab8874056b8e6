"""A breaker: what did not answer is left alone for a while, so that its silence holds one call up, and not each."""

from collections.abc import Callable
from threading import Lock
from time import monotonic


class Breaker:
    """Says whether something may be tried; may be asked from any thread.

    After a failure nobody tries for some seconds. Then one does, and the others go on without until that one has
    succeeded.
    """

    def __init__(self, *, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        """Begin in good faith.

        Args:
            seconds: How long it is left alone after a failure.
            clock: Seconds since whenever.
        """
        self._seconds, self._clock = seconds, clock
        self._quiet_until = 0.0  # 0 while all is well
        self._lock = Lock()

    def may_try(self) -> bool:
        """Tell whether this caller may try; who is told so says afterwards how it went."""
        if not self._quiet_until:
            return True
        with self._lock:
            now = self._clock()
            if now < self._quiet_until:
                return False
            if self._quiet_until:
                self._quiet_until = now + self._seconds  # this caller tries, the others do not
            return True

    def succeeded(self) -> None:
        """Hear that it answered."""
        if self._quiet_until:
            with self._lock:
                self._quiet_until = 0.0

    def failed(self) -> None:
        """Hear that it did not."""
        with self._lock:
            self._quiet_until = self._clock() + self._seconds
