"""Read the table of processes: /proc where there is one, ``ps`` elsewhere."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_PS = ("ps", "-axo", "pid=,ppid=,pgid=,stat=,lstart=")
_PS_FIELDS = 5
_STAT_BYTES = 4096  # a line of /proc/PID/stat has 52 numbers and a name of 64 bytes at most


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessRow:
    """One process as the kernel sees it at one moment."""

    pid: int
    parent: int
    group: int
    session: int
    # When it started: clock ticks since boot on Linux, a date in words elsewhere. Compared, never computed
    # with.
    started: str
    # Ended, but not yet collected by its parent.
    is_zombie: bool
    # Halted by a signal, until another has it go on.
    is_stopped: bool = False


def process_row(pid: int) -> ProcessRow | None:
    """Look one process up; ``None`` when there is none with this number."""
    if _has_proc():
        return _proc_row(pid)
    return next(_ps_rows("-p", str(pid)), None)


def process_rows() -> list[ProcessRow]:
    """List every process that this user may see."""
    if not _has_proc():
        return list(_ps_rows())
    return [row for row in map(_proc_row, _pids()) if row is not None]


def led_rows(pid: int) -> list[ProcessRow]:
    """List a process with every other one whose session or group it leads.

    It is asked at the end of each command, so the kernel is asked for two numbers of every process, not read out.
    """
    if not _has_proc():
        return [row for row in _ps_rows() if pid in {row.pid, row.session, row.group}]
    # Looked at again, because a number may have passed to another process between the two looks.
    rows = (_proc_row(other) for other in _pids() if _is_led(other, by=pid))
    return [row for row in rows if row is not None and pid in {row.pid, row.session, row.group}]


@cache
def boot_id() -> str:
    """Name this boot of the machine, since start times count from it; empty where it has no name."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _has_proc() -> bool:
    return (_PROC / "self/stat").exists()


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdecimal()]  # noqa: PTH208 - no Path for each of them


def _is_led(pid: int, *, by: int) -> bool:
    try:
        return by in {pid, os.getsid(pid), os.getpgid(pid)}
    except ProcessLookupError:
        return False
    except PermissionError:  # a security module hides it; its row may be readable all the same
        return True


def _proc_row(pid: int) -> ProcessRow | None:
    try:
        # Read with bare calls: a text file costs four times.
        handle = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            text = os.read(handle, _STAT_BYTES).decode("utf-8", errors="replace")
        finally:
            os.close(handle)
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's own name and may hold anything, also blanks and parentheses.
    state, parent, group, session, *rest = text.rpartition(")")[2].split()
    return ProcessRow(
        pid=pid,
        parent=int(parent),
        group=int(group),
        session=int(session),
        started=rest[15],  # field 22 of proc(5)
        is_zombie=state in {"Z", "X"},
        is_stopped=state == "T",
    )


def _ps_rows(*selection: str) -> Iterator[ProcessRow]:
    arguments = ("ps", "-o", _PS[2], *selection) if selection else _PS
    answer = subprocess.run(  # noqa: S603 - fixed words and a number
        arguments, env={"LC_ALL": "C", "PATH": os.defpath}, capture_output=True, text=True, check=False
    )
    for line in answer.stdout.splitlines():
        fields = line.split(maxsplit=_PS_FIELDS - 1)
        if len(fields) < _PS_FIELDS:
            continue
        pid = int(fields[0])
        try:
            session = os.getsid(pid)
        except OSError:  # it has ended since, or belongs to somebody else
            session = 0
        yield ProcessRow(
            pid=pid,
            parent=int(fields[1]),
            group=int(fields[2]),
            session=session,
            started=fields[4],
            is_zombie=fields[3].startswith("Z"),
            is_stopped=fields[3].startswith("T"),
        )
