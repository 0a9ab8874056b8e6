"""Buckets of this process alone; the same arithmetic as in ``take.lua``."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic_ns

from platform_api.core.rates.terms import Rate, Verdict

MOST = 10_000
"""Holders that a process remembers; of more, those that came least recently begin anew."""


class Buckets:
    """One bucket a holder; may be asked from any thread."""

    def __init__(self, *, clock: Callable[[], int] = lambda: monotonic_ns() // 1000) -> None:
        """Begin with all buckets full.

        Args:
            clock: Microseconds since whenever.
        """
        self._clock = clock
        self._full_at: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def take(self, holder: str, rate: Rate) -> Verdict:
        """Judge one call of a holder."""
        with self._lock:
            now = self._clock()
            full_at = max(now, self._full_at.pop(holder, now))
            next_full_at = full_at + rate.interval
            over = next_full_at - rate.interval * rate.burst - now
            self._full_at[holder] = full_at if over > 0 else next_full_at
            if len(self._full_at) > MOST:
                self._full_at.popitem(last=False)
        if over > 0:
            return Verdict.refused(retry_in=over, full_in=full_at - now)
        return Verdict.allowed(rate, full_in=next_full_at - now)
