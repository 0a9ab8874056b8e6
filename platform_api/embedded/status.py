"""Tell how a stack is, from what its supervisor wrote down and what can be seen now."""

import json
import time
from dataclasses import dataclass
from typing import Any

from platform_api.embedded.folder import StateFolder
from platform_api.embedded.leftovers import leftovers_find
from platform_api.embedded.state import PartState, PartStatus, Phase, State, state_load
from platform_api.process.identity import ProcessIdentity
from platform_api.process.memory import family_pss, own_pss

WELL, DEGRADED, NOT_RUNNING = 0, 1, 3  # exit codes; 3 is what service managers say of what does not run
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MEGA = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class StackStatus:
    """How a stack is at this moment."""

    exit_code: int
    # One word for the whole: ready, starting, stopping, degraded, left over, not running.
    word: str
    state: State

    @property
    def memory(self) -> dict[str, int]:
        """Bytes (PSS) of each part that runs, with all below it, and of ``supervisor``; where the system tells."""
        sizes = {name: _memory(part.process) for name, part in self.state.parts.items()}
        supervisor = self.state.supervisor
        if supervisor is not None and supervisor.is_alive():
            sizes["supervisor"] = own_pss(supervisor.pid)
        return {name: size for name, size in sizes.items() if size is not None}

    @classmethod
    def of(cls, folder: StateFolder) -> "StackStatus":
        """Look at a stack."""
        state = state_load(folder)
        if not state.is_supervised:
            left = any(leftovers_find(state, folder))
            return cls(
                exit_code=DEGRADED if left else NOT_RUNNING,
                word="left over" if left else "not running",
                state=state,
            )
        well = all(part_word(part) in {PartStatus.READY, PartStatus.ELSEWHERE} for part in state.parts.values())
        if state.phase is Phase.READY:
            return cls(exit_code=WELL if well else DEGRADED, word="ready" if well else "degraded", state=state)
        return cls(exit_code=DEGRADED, word=state.phase, state=state)

    def as_json(self) -> str:
        """Write it for programs."""
        supervisor, memory = self.state.supervisor, self.memory
        parts: dict[str, Any] = {
            name: {
                "state": part_word(part),
                "pid": part.process.pid if part.process is not None else None,
                "port": part.port,
                "since": part.since,
                "restarts": part.restarts,
                "memory_bytes": memory.get(name),
            }
            for name, part in self.state.parts.items()
        }
        return json.dumps(
            {
                "state": self.word,
                "api_url": self.state.api_url,
                "supervisor_pid": supervisor.pid if supervisor is not None else None,
                "memory_bytes": sum(memory.values()) if memory else None,
                "parts": parts,
            },
            indent=2,
        )

    def as_table(self) -> str:
        """Write it for people."""
        memory = self.memory
        rows = [("PART", "STATE", "PID", "PORT", "SINCE", "MEMORY")]
        for name, part in self.state.parts.items():
            pid = str(part.process.pid) if part.process is not None else "-"
            port = str(part.port) if part.port is not None else "-"
            rows.append((name, part_word(part), pid, port, _ago(part.since), _mega(memory.get(name))))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        place = f", API at {self.state.api_url}" if self.state.api_url and self.exit_code != NOT_RUNNING else ""
        table = lines if len(rows) > 1 else []
        taken = f" It takes {_mega(sum(memory.values()))} of memory (PSS)." if memory else ""
        return "\n".join(line.rstrip() for line in [*table, f"The stack is {self.word}{place}.{taken}"])


def part_word(part: PartState) -> str:
    """Say how a part is: what was written down, unless its process is gone by now."""
    if part.process is not None and not part.process.is_alive():
        return "gone"
    return part.status


def _memory(process: ProcessIdentity | None) -> int | None:
    return family_pss(process.pid) if process is not None and process.is_alive() else None


def _mega(size: int | None) -> str:
    return "-" if size is None else f"{size / _MEGA:.0f} MB"


def _ago(since: float | None) -> str:
    if since is None:
        return "-"
    seconds = max(0, int(time.time() - since))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"
