"""A worker that is asked to end drains: it takes no new run, lets its runs go on for a while, then hands them over.

The worker's main process is asked, its pool children work: both look at one piece of memory that they share since the
fork. Nothing is sent, so nothing can be lost, and a child that is busy needs not listen.
"""

import mmap

from platform_api.core import clock

_BEGUN, _OVER = 0, 1
_NOT_YET = 0.0  # boot-time clocks are past it before any worker starts


class Drain:
    """How far a worker's drain is. Make it before the fork; readable from any thread of parent and children.

    Two moments of boot-time clock stand in the shared memory, each written once, by the parent's signal handler.
    """

    def __init__(self, seconds: float = 0) -> None:
        """Set it up; nothing is asked yet.

        Args:
            seconds: How long runs may go on after the drain began; 0 or more.
        """
        self.seconds = seconds
        self._moments = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")

    def ask(self) -> None:
        """Begin the drain; asked once more, end it now. Fit for a signal handler."""
        which = _OVER if self.has_begun else _BEGUN
        self._moments[which] = clock.boot_seconds()

    @property
    def has_begun(self) -> bool:
        """Whether new runs are to be left to others."""
        return self._moments[_BEGUN] != _NOT_YET

    @property
    def is_over(self) -> bool:
        """Whether the runs at hand are to be handed over now."""
        if not self.has_begun:
            return False
        has_time_left = clock.boot_seconds() - self._moments[_BEGUN] < self.seconds
        return self._moments[_OVER] != _NOT_YET or not has_time_left
