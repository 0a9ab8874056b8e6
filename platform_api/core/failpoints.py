"""Named points at which a fault test stops, kills, delays or breaks a process; nothing where no test asks for it.

A process looks at them only if its environment names a folder (``SLIPWAY_FAILPOINTS``, which production refuses). What
happens where is said by files in it, so a test arms and disarms points of processes that run::

    armed/worker.in_plan    what to do there, as JSON (`Arm`); taken away when it has been done ``times`` times
    armed/worker.in_plan@1f the same for whatever works for exchange ``1f`` alone; it goes before the other
    hits                    one JSON line for each time that something was done, written before it is done
    clock                   by how many seconds the wall clock of these processes is wrong

The environment is read here and not through the settings, because the clock and the Terraform adapter, which know no
framework, stand on this.
"""

import fcntl
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from platform_api.core import correlation

VARIABLE = "SLIPWAY_FAILPOINTS"
ARMED, HITS, CLOCK = "armed", "hits", "clock"
_POLL_SECONDS = 0.02
_RIGHT = timedelta()

_named = os.environ.get(VARIABLE)
_folder = Path(_named) if _named else None


class FailpointError(RuntimeError):
    """What ``raise`` raises: unforeseen on purpose."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What happens at a point.

    Attributes:
        action: ``stop`` (SIGSTOP to this process), ``kill`` (SIGKILL), ``raise``, ``delay``, or ``cut``: fail as a
            lost connection to the database does.
        times: How often it is done before the point is quiet again.
        after: How many passes go by before the first time.
        seconds: How long a ``delay`` takes; it ends early where there is a file ``release-POINT`` beside ``armed``.
        correlation_id: Only what works for this exchange is meant; empty: whatever comes first.
    """

    action: str
    times: int = 1
    after: int = 0
    seconds: float = 0.0
    correlation_id: str = ""

    def write(self, folder: Path, point: str) -> None:
        """Arm a point; it appears whole, by a rename."""
        armed = folder / ARMED
        armed.mkdir(exist_ok=True)
        name = f"{point}@{self.correlation_id}" if self.correlation_id else point
        fresh = folder / f".{name}.{os.getpid()}"
        fresh.write_text(json.dumps(asdict(self)), encoding="utf-8")
        fresh.replace(armed / name)


def failpoint(point: str) -> None:
    """Pass a named point: ``part.what_has_just_happened``."""
    if _folder is not None:
        _pass(_folder, point)


def clock_error() -> timedelta:
    """Return by how much a test wants the wall clock to be wrong; nothing elsewhere."""
    if _folder is None:
        return _RIGHT
    try:
        return timedelta(seconds=float((_folder / CLOCK).read_text(encoding="ascii")))
    except (OSError, ValueError):
        return _RIGHT


def _pass(folder: Path, point: str) -> None:
    armed = folder / ARMED
    arm = _shot(armed / f"{point}@{correlation.current()}") or _shot(armed / point)
    if arm is None:
        return
    said = {
        "point": point,
        "action": arm["action"],
        "pid": os.getpid(),
        "at": time.time(),
        "correlation_id": correlation.current(),
    }
    with (folder / HITS).open(
        "a", encoding="utf-8"
    ) as hits:  # one write, so that lines of several processes stay whole
        hits.write(json.dumps(said) + "\n")
    _act(arm["action"], point=point, seconds=arm["seconds"], folder=folder)


def _shot(path: Path) -> dict[str, Any] | None:
    """Take one of the times that a point is armed for; of several processes each gets one of its own."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            content = file.read()
            arm: dict[str, Any] = json.loads(content) if content else {"times": 0}
            if arm["times"] < 1:
                return None
            is_due = arm["after"] < 1
            arm["times" if is_due else "after"] -= 1
            file.seek(0)
            file.truncate()
            file.write(json.dumps(arm))
            file.flush()
            if arm["times"] < 1:
                path.unlink(missing_ok=True)
            return arm if is_due else None
    except FileNotFoundError:
        return None


def _act(action: str, *, point: str, seconds: float, folder: Path) -> None:
    if action in {"stop", "kill"}:
        os.kill(os.getpid(), signal.SIGSTOP if action == "stop" else signal.SIGKILL)
    elif action == "delay":
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at and not (folder / f"release-{point}").exists():
            time.sleep(_POLL_SECONDS)
    elif action == "cut":
        import psycopg  # the adapter, which speaks to no database, stands on this file

        msg = f"{point}: the connection is cut on purpose"
        raise psycopg.OperationalError(msg)
    else:
        msg = f"{point}: broken on purpose"
        raise FailpointError(msg)
