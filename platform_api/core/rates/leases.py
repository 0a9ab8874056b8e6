"""Calls that a process has taken of a bucket beforehand, so that not each of them is a round trip.

They are taken out of the bucket that all processes share, so over time no more calls pass than it allows; at one
moment as many more as a lease holds, because the bucket fills again while it is held. Only where half of the bucket is
left are several taken: near the limit each call is asked for. What is not used within the time in which the bucket
regains it, or within a second where that is less, is let go.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic_ns

from platform_api.core.rates.terms import Rate, Verdict

TOGETHER = 16
"""Calls that are taken at once."""

SHORTEST = 1_000_000
"""Microseconds that calls are kept for at least: of a fast rate, a caller would seldom come back in time otherwise."""

MOST = 10_000
"""Holders of whom a process has calls; of more, those that came least recently are asked for anew."""


@dataclass
class _Lease:
    """What is left of calls taken together; times in microseconds of the clock.

    Attributes:
        left: Calls.
        until: When they are let go.
        full_at: When the bucket would be full if none of them were used.
    """

    left: int
    until: int
    full_at: int


class Leases:
    """By holder and rate; may be asked from any thread."""

    def __init__(self, *, clock: Callable[[], int] = lambda: monotonic_ns() // 1000) -> None:
        """Begin with none.

        Args:
            clock: Microseconds since whenever.
        """
        self._clock = clock
        self._held: OrderedDict[tuple[str, Rate], list[_Lease]] = OrderedDict()
        self._lock = Lock()

    def take(self, holder: str, rate: Rate) -> Verdict | None:
        """Use a call that was taken beforehand; None where there is none."""
        with self._lock:
            leases, now = self._held.get((holder, rate), []), self._clock()
            while leases and (not leases[-1].left or leases[-1].until <= now):
                leases.pop()
            if not leases:
                self._held.pop((holder, rate), None)
                return None
            lease = leases[-1]
            lease.left -= 1
            lease.full_at = max(lease.full_at, now) + rate.interval
            return Verdict.allowed(rate, full_in=lease.full_at - now)

    def keep(self, holder: str, rate: Rate, *, taken: int, full_in: int) -> Verdict:
        """Use the first of calls that were taken together, and keep the others.

        Args:
            holder: Whose they are.
            rate: Of the bucket.
            taken: How many.
            full_in: Microseconds until the bucket is full after all of them.
        """
        full_in -= (taken - 1) * rate.interval
        if taken > 1:
            with self._lock:
                now = self._clock()
                until = now + max(taken * rate.interval, SHORTEST)
                lease = _Lease(left=taken - 1, until=until, full_at=now + full_in)
                self._held.setdefault((holder, rate), []).append(lease)
                self._held.move_to_end((holder, rate))
                if len(self._held) > MOST:
                    self._held.popitem(last=False)
        return Verdict.allowed(rate, full_in=full_in)
