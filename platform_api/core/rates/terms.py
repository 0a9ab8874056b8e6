"""How many calls in which time: rates, and what was said of one call."""

from dataclasses import dataclass
from enum import StrEnum

MICROSECONDS = 1_000_000


class RateKind(StrEnum):
    """What is limited apart from the others."""

    READ = "read"
    WRITE = "write"
    ATTEMPT = "attempt"
    """Calls of nobody in particular that were refused for it, by address."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many calls at once, and then so many a minute: a bucket that refills at an even pace.

    Attributes:
        per_minute: Calls regained in a minute, 1 or more.
        burst: Calls that may come at once when none came for long, 1 or more.
    """

    per_minute: int
    burst: int

    @property
    def interval(self) -> int:
        """Microseconds in which one call is regained."""
        return max(1, 60 * MICROSECONDS // self.per_minute)

    @property
    def window_seconds(self) -> int:
        """Seconds in which all calls of the burst are regained, rounded up."""
        return -(-self.burst * self.interval // MICROSECONDS)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was said of one call.

    Attributes:
        is_allowed: Whether it may go on.
        remaining: Calls that may still come at once.
        retry_seconds: Until a refused call would be allowed, rounded up; 0 where it was allowed.
        reset_seconds: Until the burst is whole again, rounded up.
    """

    is_allowed: bool
    remaining: int
    retry_seconds: int
    reset_seconds: int

    @classmethod
    def allowed(cls, rate: Rate, *, full_in: int) -> "Verdict":
        """Say that a call may go on, after which the bucket is full in so many microseconds."""
        remaining = rate.burst - -(-full_in // rate.interval)
        return cls(is_allowed=True, remaining=remaining, retry_seconds=0, reset_seconds=-(-full_in // MICROSECONDS))

    @classmethod
    def refused(cls, *, retry_in: int, full_in: int) -> "Verdict":
        """Say that a call has to come back; times in microseconds."""
        return cls(
            is_allowed=False,
            remaining=0,
            retry_seconds=-(-retry_in // MICROSECONDS),
            reset_seconds=-(-full_in // MICROSECONDS),
        )
