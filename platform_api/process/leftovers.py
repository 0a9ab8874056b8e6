"""What an earlier owner of a folder left running in it is ended, before somebody else works there (Linux)."""

import contextlib
import signal
from pathlib import Path

from platform_api.process.identity import ProcessIdentity, processes_end
from platform_api.process.ladders import Ladder, Step
from platform_api.process.table import process_rows

LEFTOVER_LADDER: Ladder = (
    Step(signal=signal.SIGCONT, seconds=60),
    Step(signal=signal.SIGINT, seconds=15),
)
"""Whoever lost its parent was told to end by that, and finishes what is in flight; a second SIGINT would cut it off."""


def leftovers_end(folder: Path, ladder: Ladder = LEFTOVER_LADDER) -> int:
    """End every process that works in a folder, and return how many there were.

    One that is stopped was never told, for whoever would have told it is stopped as well: it is told first.

    Args:
        folder: Where they work; whoever calls has the sole right to it.
        ladder: How they are ended.
    """
    rows = [row for row in process_rows() if not row.is_zombie and _works_in(row.pid, folder)]
    identities = [ProcessIdentity.of_row(row) for row in rows]
    for row, identity in zip(rows, identities, strict=True):
        if row.is_stopped:
            identity.send(signal.SIGINT)
    processes_end(identities, ladder)
    return len(identities)


def _works_in(pid: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cwd").readlink() == folder
    return False
