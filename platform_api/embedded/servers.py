"""The four servers of a stack: built, started together, ended; also for tests, as a context manager."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from platform_api.core.errors import UnavailableError
from platform_api.embedded.binaries import postgres_find, valkey_find
from platform_api.embedded.folder import StateFolder
from platform_api.embedded.logs import log_since, log_size, log_tail
from platform_api.embedded.ports import port_is_free, port_pick, port_range
from platform_api.embedded.postgres import CONTROL, FLEET, PostgresServer
from platform_api.embedded.privileges import copy_home, privileges_find
from platform_api.embedded.server import Server, ServerSettings
from platform_api.embedded.traces import MARKER_VARIABLE
from platform_api.embedded.valkey import UNLIMITED, ValkeyServer, fleet_memory
from platform_api.process.children import Child, child_start

READY_SECONDS = 120  # crash recovery replays at most a gigabyte of log; normally 0.1 s
_PREPARE_SECONDS = 120
_PORT_TRIES = 3
_LOOK_SECONDS = 0.02


class ServerName(StrEnum):
    """The servers that a stack may run itself."""

    CONTROL_POSTGRES = "control-postgres"  # Slipway's own database
    FLEET_POSTGRES = "fleet-postgres"  # where databases that people order are made
    BROKER = "broker"  # Celery's Valkey
    FLEET_VALKEY = "fleet-valkey"  # where queues and caches that people order are made


# Which setting says that somebody else runs the server.
REPLACED_BY: Mapping[ServerName, str] = {
    ServerName.CONTROL_POSTGRES: "DATABASE_URL",
    ServerName.FLEET_POSTGRES: "FLEET_DATABASE_URL",
    ServerName.BROKER: "REDIS_URL",
    ServerName.FLEET_VALKEY: "FLEET_VALKEY_URL",
}
_POSTGRES_KINDS = {ServerName.CONTROL_POSTGRES: CONTROL, ServerName.FLEET_POSTGRES: FLEET}
_VALKEY_USERS = {ServerName.BROKER: "default", ServerName.FLEET_VALKEY: "fleet_admin"}


class ServerStartError(UnavailableError):
    """A server did not start; the text quotes the end of its log."""

    code = "server_start_failed"
    title = "A server of the local stack did not start"


def servers_wanted(environ: Mapping[str, str]) -> list[ServerName]:
    """List the servers that nobody else runs, by the settings alone."""
    return [
        name
        for name, variable in REPLACED_BY.items()
        if not environ.get(variable) and not environ.get(f"{variable}_FILE")
    ]


def server_environment(stack: str) -> dict[str, str]:
    """Build the whole environment of a server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", MARKER_VARIABLE: stack}


def servers_build(
    names: Collection[ServerName],
    *,
    folder: StateFolder,
    stack: str,
    kept_ports: Mapping[str, int],
    environ: Mapping[str, str],
    is_durable: bool = True,
) -> list[Server]:
    """Describe servers, each with a free port.

    Args:
        names: Which ones.
        folder: Where their data, secrets and logs are.
        stack: The stack's random name, which marks their processes.
        kept_ports: Ports by name from an earlier start; one that somebody else took since is replaced.
        environ: Where programs and the range of ports are looked up.
        is_durable: Whether data survive a crash of the machine.

    Raises:
        PortError: No port is free.
        PrivilegesError: Root found no way to run PostgreSQL.
        ProgramMissingError: A program is not installed.
        ValkeyMemoryError: The limit of the customers' Valkey is no size.
    """
    settings = ServerSettings(environment=server_environment(stack), is_durable=is_durable, ports=port_range(environ))
    servers: list[Server] = []
    postgres_names = [name for name in names if name in _POSTGRES_KINDS]
    privileges = None
    if postgres_names:
        privileges = privileges_find(postgres_find(environ), folder=folder.path, stack=stack)
    for name in names:
        port = _port(kept_ports.get(name), settings.ports, taken=[server.port for server in servers])
        if name in _POSTGRES_KINDS and privileges is not None:
            servers.append(
                PostgresServer(
                    name=name,
                    folder=folder,
                    port=port,
                    settings=settings,
                    privileges=privileges,
                    kind=_POSTGRES_KINDS[name],
                )
            )
        else:
            servers.append(
                ValkeyServer(
                    name=name,
                    folder=folder,
                    port=port,
                    settings=settings,
                    program=valkey_find(environ),
                    user=_VALKEY_USERS[name],
                    variable=REPLACED_BY[name],
                    memory=fleet_memory(environ) if name == ServerName.FLEET_VALKEY else UNLIMITED,
                )
            )
    return servers


def servers_start(
    servers: Sequence[Server],
    *,
    children: dict[str, Child],
    pause: Callable[[float], None] = time.sleep,
    say: Callable[[str], None] = lambda _text: None,
) -> None:
    """Start servers side by side and return when each of them serves.

    1. Make what is missing (``initdb``), all at once.
    2. Start them all. One whose port was taken in the meantime gets another, up to three times.
    3. Wait until each one lets us in, then set it up.

    Args:
        servers: What to start.
        children: Gets each child the moment it runs, so that the caller can end it whatever happens.
        pause: Called with seconds between two looks; may raise to give up.
        say: Gets one line for each thing done.

    Raises:
        ProgramStartError: A program could not be started at all.
        ServerStartError: A server ended, or did not serve within two minutes.
        SqlFileError: Roles or database could not be made.
    """
    _prepare(servers, children, pause, say)
    marks = {server.name: _start(server, children) for server in servers}
    tries = dict.fromkeys(marks, 1)
    deadline = time.monotonic() + READY_SECONDS
    waiting = list(servers)
    while waiting:
        for server in list(waiting):
            if server.is_ready():
                waiting.remove(server)
            elif children[server.name].wait_exit(0):
                children.pop(server.name).reap()
                if port_is_free(server.port) or tries[server.name] >= _PORT_TRIES:
                    raise _start_error(server, marks[server.name], "ended while starting")
                tries[server.name] += 1
                server.move(servers)
                marks[server.name] = _start(server, children)
            elif time.monotonic() >= deadline:
                raise _start_error(server, marks[server.name], f"does not answer after {READY_SECONDS} s")
        if waiting:
            pause(_LOOK_SECONDS)
    for server in servers:
        server.set_up()
        say(f"{server.name} is ready on port {server.port}")


@contextmanager
def servers_running(
    folder: Path,
    *,
    names: Collection[ServerName] = tuple(ServerName),
    environ: Mapping[str, str] = os.environ,
) -> Iterator[dict[str, str]]:
    """Run servers as children of this process, for tests: fast, and not safe against a crash of the machine.

    Args:
        folder: Where all their files go; it must be there.
        names: Which servers.
        environ: Where programs are looked up.

    Yields:
        Settings' names to addresses (with passwords), and ``DATABASE_SUPERUSER_URL`` and
        ``FLEET_DATABASE_SUPERUSER_URL`` where the clusters run.
    """
    state = StateFolder(folder)
    state.make()
    stack = f"test-{secrets.token_hex(8)}"
    servers = servers_build(names, folder=state, stack=stack, kept_ports={}, environ=environ, is_durable=False)
    children: dict[str, Child] = {}
    try:
        servers_start(servers, children=children)
        urls: dict[str, str] = {}
        for server in servers:
            urls |= server.urls()
            if isinstance(server, PostgresServer):
                urls[f"{REPLACED_BY[ServerName(server.name)].removesuffix('URL')}SUPERUSER_URL"] = (
                    server.superuser_url()
                )
        yield urls
    finally:
        servers_stop(servers, children)
        shutil.rmtree(copy_home(stack), ignore_errors=True)


def servers_stop(servers: Sequence[Server], children: dict[str, Child]) -> None:
    """End servers side by side: each is asked first, then each is waited for."""
    ladders = {server.name: server.ladder for server in servers}
    for name, child in children.items():
        for step in ladders.get(name, ())[:1]:
            child.send(step.signal)
    for name, child in children.items():
        patience = sum(step.seconds for step in ladders.get(name, ())[:1])
        if not child.wait_exit(patience):
            child.descend(ladders[name][1:])
        child.reap()
    children.clear()


def _prepare(
    servers: Sequence[Server],
    children: dict[str, Child],
    pause: Callable[[float], None],
    say: Callable[[str], None],
) -> None:
    marks = {}
    for server in servers:
        mark = log_size(server.folder.log(server.name))
        if (command := server.prepare()) is not None:
            say(f"{server.name}: making its data folder")
            children[server.name] = child_start(command)
            marks[server.name] = mark
    deadline = time.monotonic() + _PREPARE_SECONDS
    for server in servers:
        if server.name not in marks:
            continue
        while not children[server.name].wait_exit(0):
            if time.monotonic() >= deadline:
                raise _start_error(server, marks[server.name], f"is not made after {_PREPARE_SECONDS} s")
            pause(_LOOK_SECONDS)
        if children.pop(server.name).reap() != 0:
            raise _start_error(server, marks[server.name], "could not be made")
        server.prepared()


def _start(server: Server, children: dict[str, Child]) -> int:
    mark = log_size(server.folder.log(server.name))
    children[server.name] = child_start(server.command())
    return mark


def _start_error(server: Server, mark: int, what: str) -> ServerStartError:
    log = server.folder.log(server.name)
    return ServerStartError(
        f"{server.name} {what}. The end of {log}:\n{log_tail(log_since(log, mark))}",
        remedy="Free disk space if the log asks for it; removing the part's data folder starts it anew.",
    )


def _port(kept: int | None, allowed: range, *, taken: Collection[int]) -> int:
    if kept is not None and kept in allowed and kept not in taken and port_is_free(kept):
        return kept
    return port_pick(allowed, taken=taken)
