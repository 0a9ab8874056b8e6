"""Keep one process running: start it, see when it serves, start it again when it ends."""

import signal
import time
from collections.abc import Callable

from platform_api.core.errors import SlipwayError
from platform_api.embedded.state import PartState, PartStatus
from platform_api.process.children import Child
from platform_api.process.ladders import Ladder

BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # the last one repeats
_STEADY_SECONDS = 60  # who served that long before it ended is started again without the patience of earlier falls
_SLICE_SECONDS = 0.2


class Keeper:
    """One process under watch. `look` never waits: all parts are watched by one thread."""

    def __init__(
        self,
        *,
        name: str,
        start: Callable[[], Child],
        is_ready: Callable[[], bool],
        ladder: Ladder,
        say: Callable[[str], None],
        port: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Describe the process.

        Args:
            name: The part's name.
            start: Starts it, after clearing away what an earlier one left.
            is_ready: Tells whether it serves; asked until it says yes.
            ladder: How it is asked to end.
            say: Gets a line for each fall and each return.
            port: Tells where it listens now.
        """
        self.name = name
        self.child: Child | None = None
        self.status = PartStatus.STOPPED
        self._start = start
        self._is_ready = is_ready
        self._ladder = ladder
        self._say = say
        self._port = port
        self._falls = 0
        self._restarts = 0
        self._changed_at = 0.0
        self._since: float | None = None
        self._retry_at = 0.0

    @property
    def state(self) -> PartState:
        """What is to be written down about it."""
        process = None if self.child is None else self.child.identity
        return PartState(
            status=self.status, process=process, port=self._port(), since=self._since, restarts=self._restarts
        )

    @property
    def runs_seconds(self) -> float:
        """How long its present process has run."""
        return time.monotonic() - self._changed_at

    def start(self) -> None:
        """Start it now.

        Raises:
            SlipwayError: It could not be started.
        """
        self.take(self._start(), PartStatus.STARTING)

    def take(self, child: Child, status: PartStatus) -> None:
        """Take a process over that was started by somebody else."""
        self.child = child
        self.status = status
        self._changed_at = time.monotonic()
        self._since = time.time()

    def look(self) -> bool:
        """Do what is due: note an end, start again, note that it serves.

        Returns:
            Whether anything changed.
        """
        before = (self.status, self.child, self._restarts)
        if self.child is not None and self.child.wait_exit(0):
            self._fall(f"ended by {_words(self.child.reap())}")
        elif self.status is PartStatus.WAITING and time.monotonic() >= self._retry_at:
            try:
                self.start()
            except SlipwayError as error:
                self._fall(f"could not be started again: {error.detail}")
        elif self.status is PartStatus.STARTING and self._is_ready():
            self.status = PartStatus.READY
            if self._restarts:
                self._say(f"{self.name} is back")
        return before != (self.status, self.child, self._restarts)

    def end(self, wait: Callable[[float], None], is_hurried: Callable[[], bool]) -> None:
        """Ask it to end, step by step; SIGKILL at last, or at once when there is no time.

        Args:
            wait: Called with seconds between two looks.
            is_hurried: Tells whether patience has ended.
        """
        child, self.child = self.child, None
        self.status = PartStatus.STOPPED
        if child is None:
            return
        for step in self._ladder:
            child.send(step.signal)
            deadline = time.monotonic() + step.seconds
            while not child.wait_exit(0) and time.monotonic() < deadline and not is_hurried():
                wait(_SLICE_SECONDS)
        child.reap()

    def _fall(self, what: str) -> None:
        if self.status is PartStatus.READY and self.runs_seconds >= _STEADY_SECONDS:
            self._falls = 0
        pause = BACK_OFF_SECONDS[min(self._falls, len(BACK_OFF_SECONDS) - 1)]
        self._falls += 1
        self._restarts += 1
        self.child = None
        self.status = PartStatus.WAITING
        self._changed_at = time.monotonic()
        self._since = time.time()
        self._retry_at = self._changed_at + pause
        self._say(f"{self.name} {what}; starting it again in {pause:g} s")


def _words(return_code: int) -> str:
    """Word an exit status as people know it."""
    return signal.Signals(-return_code).name if return_code < 0 else f"itself with status {return_code}"
