"""The clock: what time it is, for code that must be testable without waiting.

Leases are judged by the database's clock and by ``CLOCK_BOOTTIME``, never by this one: a fault test lets it jump
(`platform_api.core.failpoints`) and proves that.
"""

import time
from datetime import UTC, datetime

from platform_api.core import failpoints


def now() -> datetime:
    """Return the present moment, with its zone (UTC)."""
    return datetime.now(tz=UTC) + failpoints.clock_error()


def boot_seconds() -> float:
    """Return seconds since boot, counting time spent suspended: what a lease's holder compares with its length."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
