"""Tell by its traces whether a process is of this stack: its environment, its folder, its program (Linux)."""

from collections.abc import Callable
from pathlib import Path

from platform_api.process.identity import ProcessIdentity
from platform_api.process.table import process_rows

MARKER_VARIABLE = "SLIPWAY_STACK"
_PROC = Path("/proc")


def marked_processes(stack: str) -> list[ProcessIdentity]:
    """Find the living processes whose environment carries the stack's random name; none without /proc."""
    wanted = f"{MARKER_VARIABLE}={stack}".encode()
    return _select(lambda pid: wanted in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"))


def server_processes(data: Path) -> list[ProcessIdentity]:
    """Find the living processes of the PostgreSQL server on a data folder, its workers included.

    The workers are in sessions of their own and write their titles over their environment, so neither session
    nor marker finds them; but each stands in the data folder, and its program is PostgreSQL.
    """
    return _select(lambda pid: _is_server_of(pid, data))


def _select(belongs: Callable[[int], bool]) -> list[ProcessIdentity]:
    found = []
    for row in process_rows():
        if row.is_zombie:
            continue
        try:
            if belongs(row.pid):
                found.append(ProcessIdentity.of_row(row))
        except OSError:  # it has ended since, or is another user's, or there is no /proc
            continue
    return found


def _is_server_of(pid: int, data: Path) -> bool:
    process = _PROC / str(pid)
    program = (process / "exe").readlink().name.removesuffix(" (deleted)")
    return program == "postgres" and (process / "cwd").readlink() == data.resolve()
