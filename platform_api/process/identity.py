"""Know a process for sure, so that a number used twice never brings a signal to a stranger."""

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from platform_api.process.ladders import Ladder, Step
from platform_api.process.table import ProcessRow, boot_id, led_rows, process_row, process_rows

_POLL_SECONDS = 0.02
_KILL = Step(signal=signal.SIGKILL, seconds=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessIdentity:
    """A process number together with what makes it unique: when it started, and in which boot.

    Plain text and numbers only, so that it survives a JSON file.
    """

    pid: int
    started: str
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Take the identity of a running process; ``None`` when there is none with this number."""
        row = process_row(pid)
        return None if row is None else cls.of_row(row)

    @classmethod
    def of_row(cls, row: ProcessRow) -> Self:
        """Take the identity of a process just read from the table."""
        return cls(pid=row.pid, started=row.started, boot_id=boot_id())

    def is_alive(self) -> bool:
        """Tell whether exactly this process still runs; one that ended and waits to be collected does not."""
        row = process_row(self.pid)
        return row is not None and not row.is_zombie and self._is(row)

    def send(self, number: signal.Signals) -> bool:
        """Signal this process and no other.

        Returns:
            Whether there was somebody to signal.

        Raises:
            PermissionError: It runs, and belongs to another user.
        """
        handle = None
        try:
            # An open handle pins the process: the number cannot pass to another between the look and the
            # signal.
            handle = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
            if not self.is_alive():
                return False
            if handle is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            if handle is not None:
                os.close(handle)
        return True

    def members(self) -> list["ProcessIdentity"]:
        """List the living processes of the session or group that this process leads, itself included.

        A leader may be gone while its members live; the kernel gives its number to nobody as long as they do.
        When the number leads somebody else's session by now, the list is empty.
        """
        if boot_id() != self.boot_id:
            return []
        rows = led_rows(self.pid)
        if any(row.pid == self.pid and not self._is(row) for row in rows):
            return []
        return [
            ProcessIdentity.of_row(row) for row in rows if self.pid in {row.session, row.group} and not row.is_zombie
        ]

    def _is(self, row: ProcessRow) -> bool:
        return row.started == self.started and boot_id() == self.boot_id


def descendants(pid: int) -> list[ProcessIdentity]:
    """List the living children of a process, their children and so on, whatever session they are in."""
    children: dict[int, list[ProcessRow]] = {}
    for row in process_rows():
        children.setdefault(row.parent, []).append(row)
    found: list[ProcessIdentity] = []
    waiting = [pid]
    while waiting:
        for row in children.get(waiting.pop(), []):
            waiting.append(row.pid)
            if not row.is_zombie:
                found.append(ProcessIdentity.of_row(row))
    return found


def processes_end(identities: Iterable[ProcessIdentity], ladder: Ladder) -> list[ProcessIdentity]:
    """End processes by a ladder, with SIGKILL as its last step.

    Returns:
        Those that still run 10 seconds after SIGKILL; normally none.
    """
    remaining = list(identities)
    for step in (*ladder, _KILL):
        remaining = [identity for identity in remaining if identity.send(step.signal)]
        remaining = _wait_gone(remaining, step.seconds)
        if not remaining:
            break
    return remaining


def _wait_gone(identities: list[ProcessIdentity], seconds: float) -> list[ProcessIdentity]:
    deadline = time.monotonic() + seconds
    remaining = identities
    while remaining := [identity for identity in remaining if identity.is_alive()]:
        if time.monotonic() >= deadline:
            break
        time.sleep(_POLL_SECONDS)
    return remaining
