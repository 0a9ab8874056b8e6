"""End what a killed supervisor left behind, and nothing else."""

import os
import signal
from collections.abc import Callable

from platform_api.core.errors import UnavailableError
from platform_api.embedded.folder import StateFolder
from platform_api.embedded.postgres import PostgresServer
from platform_api.embedded.privileges import copy_home
from platform_api.embedded.servers import ServerName
from platform_api.embedded.state import State
from platform_api.embedded.traces import marked_processes, server_processes
from platform_api.process.identity import ProcessIdentity, processes_end
from platform_api.process.ladders import Ladder, Step
from platform_api.process.table import process_row

_LADDER: Ladder = (Step(signal=signal.SIGTERM, seconds=10),)
_POSTGRES_NAMES = (ServerName.CONTROL_POSTGRES, ServerName.FLEET_POSTGRES)


class LeftoverError(UnavailableError):
    """A process of a former start could not be ended; the text names it."""

    code = "leftover_process"
    title = "A process of a former start could not be ended"


def leftovers_find(state: State, folder: StateFolder) -> tuple[list[ProcessIdentity], list[ProcessIdentity]]:
    """Find processes of a former start, by identity, by mark, and by the data folder they stand in.

    Returns:
        PostgreSQL's processes, and all others.
    """
    servers: set[ProcessIdentity] = set()
    others = set(marked_processes(state.stack))
    for name, part in state.parts.items():
        if part.process is not None and part.process.is_alive():
            (servers if name in _POSTGRES_NAMES else others).update(part.process.members())
    for name in _POSTGRES_NAMES:
        for home in (folder.path, copy_home(state.stack)):
            servers.update(server_processes(home / name))
    ourselves = _ancestors()
    return list(servers), [identity for identity in others - servers if identity.pid not in ourselves]


def leftovers_end(state: State, folder: StateFolder, say: Callable[[str], None]) -> None:
    """End them: the application first, then PostgreSQL in its own way.

    Raises:
        LeftoverError: One of them cannot be ended, or is another user's.
    """
    servers, others = leftovers_find(state, folder)
    if not servers and not others:
        return
    say(f"ending {len(servers) + len(others)} processes of a former start")
    try:
        survivors = processes_end(others, _LADDER) + processes_end(servers, PostgresServer.ladder)
    except PermissionError as error:
        raise LeftoverError(
            f"A process of the stack in {folder.path} belongs to another user.",
            remedy="Run the command as the user who started the stack.",
        ) from error
    if survivors:
        pids = ", ".join(str(identity.pid) for identity in survivors)
        raise LeftoverError(f"Still there after SIGKILL: process {pids}.")


def _ancestors() -> set[int]:
    """List this process and those above it: none of them is a leftover, whatever its environment says."""
    found = set()
    pid = os.getpid()
    while pid > 1 and (row := process_row(pid)) is not None:
        found.add(pid)
        pid = row.parent
    return found
