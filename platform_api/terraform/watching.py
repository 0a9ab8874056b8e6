"""See each state version that Terraform writes, while it writes them."""

import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from platform_api.terraform.state import StateUnreadableError, StateVersion

POLL_SECONDS = 0.02
"""How often the file is looked at. Terraform rewrites it in place after each object, so a killed Terraform may leave
it empty; what was seen 20 ms before is then the newest that is left. At 10 ms the loss was at most two objects."""


class StateWatcher:
    """Collects the versions of one state file, each once, oldest first.

    A thread of its own looks, because the loop that runs the command looks four times a second, and a slow callback
    (a database) would make it look even less often. It only reads and collects: the caller takes the versions in its
    own thread, so callbacks need no locks.
    """

    def __init__(self, path: Path, *, known: StateVersion | None) -> None:
        """Watch a file that may not be there yet.

        Args:
            path: The state file.
            known: The version that lies there already, or none; it is not reported.
        """
        self._path = path
        self._last = known
        self._mark: tuple[int, int, int] | None = None
        self._versions: deque[StateVersion] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="state-watcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the thread and look a last time; for when the writer is gone. A second call does nothing."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._thread.join()
            self._mark = None  # a write within one tick of the file system's clock would look like none
            self._look()

    def take(self) -> list[StateVersion]:
        """Hand over what was seen since the last call."""
        taken = []
        while self._versions:
            taken.append(self._versions.popleft())
        return taken

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            status = self._path.stat()
            mark = (status.st_ino, status.st_size, status.st_mtime_ns)
            if mark == self._mark:
                return
            version = StateVersion.parse(self._path.read_bytes())
        except (OSError, StateUnreadableError):  # not there yet, or caught in the middle of a write
            return
        self._mark = mark
        if self._last is None or (version.lineage, version.serial) != (self._last.lineage, self._last.serial):
            self._last = version
            self._versions.append(version)
