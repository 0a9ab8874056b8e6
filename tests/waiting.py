"""Wait for a condition, with a bound, instead of sleeping for a guess."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
    """Return as soon as the condition holds; fail the test when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
