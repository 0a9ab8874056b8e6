"""What runs, where, since when: written by the supervisor at each change, read by everybody else."""

import dataclasses
import json
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from platform_api.embedded.folder import StateFolder, StateFolderError, private_write
from platform_api.process.identity import ProcessIdentity


class Phase(StrEnum):
    """Where the whole stack stands."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"


class PartStatus(StrEnum):
    """Where one part stands."""

    STARTING = "starting"  # runs, does not serve yet
    READY = "ready"
    WAITING = "waiting"  # ended by itself; will be started again after a pause
    STOPPED = "stopped"
    ELSEWHERE = "elsewhere"  # a setting names one that somebody else runs


@dataclass(kw_only=True)
class PartState:
    """One part as the supervisor saw it last."""

    status: PartStatus
    process: ProcessIdentity | None = None
    port: int | None = None
    # Unix time of the last change of process.
    since: float | None = None
    # How often it ended by itself since the stack was started.
    restarts: int = 0


@dataclass(kw_only=True)
class State:
    """One stack; lives in ``state.json``."""

    # Random name, made once: marks the stack's processes.
    stack: str = field(default_factory=lambda: secrets.token_hex(8))
    phase: Phase = Phase.STOPPED
    supervisor: ProcessIdentity | None = None
    api_url: str | None = None
    # Ports by part, kept from one start to the next.
    ports: dict[str, int] = field(default_factory=dict)
    parts: dict[str, PartState] = field(default_factory=dict)

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor that wrote this still runs."""
        return self.supervisor is not None and self.supervisor.is_alive()

    def save(self, folder: StateFolder) -> None:
        """Replace the file at one stroke."""
        private_write(folder.state, json.dumps(dataclasses.asdict(self), indent=2) + "\n")


def state_load(folder: StateFolder) -> State:
    """Read the file; a new state when there is none.

    Raises:
        StateFolderError: The file is not what this program writes.
    """
    try:
        data: dict[str, Any] = json.loads(folder.state.read_text(encoding="utf-8"))
        return State(
            stack=data["stack"],
            phase=Phase(data["phase"]),
            supervisor=_identity(data["supervisor"]),
            api_url=data["api_url"],
            ports=data["ports"],
            parts={name: _part(part) for name, part in data["parts"].items()},
        )
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise StateFolderError(f"{folder.state} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StateFolderError(
            f"{folder.state} is not a state file of this version.",
            remedy="Make sure that no part of the stack runs any more, then remove the file.",
        ) from error


def _identity(data: dict[str, Any] | None) -> ProcessIdentity | None:
    return None if data is None else ProcessIdentity(**data)


def _part(data: dict[str, Any]) -> PartState:
    return PartState(**{**data, "status": PartStatus(data["status"]), "process": _identity(data["process"])})
