"""Figures: medians, the machine's load, and the CPU time of families of processes."""

import json
import os
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from platform_api.process.identity import descendants

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 11, 12, 13, 14  # fields after the name in /proc/PID/stat


def load_average() -> float:
    """Return how many processes wanted a core within the last minute; on a busy machine figures wander."""
    return round(os.getloadavg()[0], 2)


def median_ms(seconds: Sequence[float]) -> float:
    """Return the median, in milliseconds."""
    return round(statistics.median(seconds) * 1000, 1)


def ratio(ours: float, reference: float) -> float:
    """Return how many times the reference ours is."""
    return round(ours / reference, 3)


def cpu_ms(pids: Iterable[int], *, with_children: bool) -> float:
    """Return the CPU time that processes have used, in milliseconds; one that is gone counts nothing.

    Args:
        pids: The processes.
        with_children: Also that of the children that they have waited for.
    """
    return sum(_ticks(pid, with_children=with_children) for pid in pids) * TICK_MS


def family(pid: int) -> list[int]:
    """List a process and all below it."""
    return [pid, *(process.pid for process in descendants(pid))]


def command_of(pid: int) -> str:
    """Return a process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def report(name: str, figures: Mapping[str, Any]) -> None:
    """Print the one line of JSON that a benchmark is for."""
    sys.stdout.write(json.dumps({"benchmark": name, **figures}) + "\n")


def say(text: str) -> None:
    """Tell the person who waits what is going on; not part of the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _ticks(pid: int, *, with_children: bool) -> int:
    fields = _fields(pid)
    wanted = (_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM) if with_children else (_USER, _SYSTEM)
    return sum(int(fields[index]) for index in wanted) if fields else 0


def _fields(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
