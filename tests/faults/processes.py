"""Processes of a stage: started, ended in ways that no operator would choose, and started again as by a supervisor."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from platform_api.process.children import Child, child_start
from platform_api.process.commands import Command
from platform_api.process.identity import ProcessIdentity, descendants
from platform_api.process.ladders import TERMINATE_LADDER, Ladder

RESTART_SECONDS = 0.1


class Running:
    """One process of the stage, kept running unless it is held down.

    Attributes:
        name: What it is called in logs.
        child: The present process; None while it is down.
        starts: How often it was started.
    """

    def __init__(self, name: str, start: Callable[[], Child], *, ladder: Ladder = TERMINATE_LADDER) -> None:
        self.name, self.ladder = name, ladder
        self.child: Child | None = None
        self.starts = 0
        self._start = start
        self._holds = 0
        self._lock = threading.RLock()

    @property
    def pid(self) -> int:
        """The present process's number; 0 while it is down."""
        child = self.child
        return child.pid if child is not None else 0

    def family(self) -> list[ProcessIdentity]:
        """The process and all below it, whatever session they are in."""
        process = ProcessIdentity.of(self.pid) if self.pid else None
        return [] if process is None else [process, *descendants(process.pid)]

    def start(self) -> None:
        """Start it."""
        with self._lock:
            self.child = self._start()
            self.starts += 1

    def look(self) -> None:
        """Start it again if it has ended."""
        with self._lock:
            if self._holds:
                return
            if self.child is None or self.child.wait_exit(0):
                if self.child is not None:
                    self.child.reap()
                self.child = None
                self.start()

    def signal(self, number: signal.Signals) -> None:
        """Signal the process itself."""
        with self._lock:
            if self.child is not None:
                self.child.send(number)

    def hold(self) -> None:
        """Keep it down from its next end on."""
        with self._lock:
            self._holds += 1

    def release(self) -> None:
        """Let it be started again."""
        with self._lock:
            self._holds = max(0, self._holds - 1)

    def end(self) -> None:
        """End it for good: politely, then firmly."""
        with self._lock:
            self._holds += 1
            if self.child is not None:
                for process in self.family():  # one that is frozen could not hear
                    process.send(signal.SIGCONT)
                self.child.descend(self.ladder)
                self.child.reap()
                self.child = None


class Keeper:
    """Looks after all of a stage's processes from a thread."""

    def __init__(self, running: Sequence[Running]) -> None:
        self._running = running
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what runs goes on."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        while not self._ended.wait(RESTART_SECONDS):
            for each in self._running:
                with suppress(Exception):  # tried again at the next look
                    each.look()


def child_of(command: Callable[[], Command]) -> Callable[[], Child]:
    """Return what starts a command that is made anew each time."""
    return lambda: child_start(command())


def within(seconds: float, condition: Callable[[], bool], *, pause: float = 0.02) -> bool:
    """Tell whether a condition comes to hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
