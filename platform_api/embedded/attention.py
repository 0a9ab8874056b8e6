"""Wait without being deaf: signals end a wait at once, and the wish to stop is heard at each."""

import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Any, Self

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest(Exception):  # noqa: N818 - no error: somebody asked the stack to stop
    """Somebody asked the stack to stop."""


class Attention:
    """Hears SIGINT, SIGTERM, SIGHUP and ends of children while it is entered; main thread only."""

    def __init__(self) -> None:
        # How often a stop was asked for; the second time means at once.
        self.stops_asked = 0
        self._ear, self._mouth = socket.socketpair()
        self._before: dict[signal.Signals, Any] = {}
        self._wakeup_before = -1

    def __enter__(self) -> Self:
        """Take the signals over."""
        for end in (self._ear, self._mouth):
            end.settimeout(0)
        self._wakeup_before = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        for number in _STOP:
            self._before[number] = signal.signal(number, self._stop)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._ear.close()
        self._mouth.close()

    def wait(self, seconds: float) -> None:
        """Wait, or less if a signal arrives."""
        if select.select([self._ear], [], [], seconds)[0]:
            self._ear.recv(4096)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stops_asked += 1
