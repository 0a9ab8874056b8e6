"""The stack's command line: ``up``, ``down``, ``status``. A command is one entry of a table.

``manage.py`` hands these words over before Django loads, so that settings cannot stop the stack that they
need.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from platform_api.core.errors import SlipwayError
from platform_api.embedded.console import Console
from platform_api.embedded.environment import caller_environment
from platform_api.embedded.folder import CHECKOUT, VARIABLE, StateFolder
from platform_api.embedded.leftovers import leftovers_end
from platform_api.embedded.lock import stack_lock
from platform_api.embedded.logs import log_size
from platform_api.embedded.parts import PLAN, Plan
from platform_api.embedded.state import Phase, state_load
from platform_api.embedded.status import StackStatus
from platform_api.embedded.supervisor import Supervisor
from platform_api.process.children import child_start
from platform_api.process.commands import Command
from platform_api.process.output import OutputFollower

FAILED = 1
STOP_SECONDS = 180  # parts 65 s, Terraform 75 s, servers 40 s at the very worst
_KILL_SECONDS = 10
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every command gets."""

    folder: StateFolder
    plan: Plan
    arguments: argparse.Namespace
    console: Console


@dataclass(frozen=True, kw_only=True)
class CliCommand:
    """One word of the command line."""

    name: str
    help: str
    # Does the work and gives the exit code.
    run: Callable[[Context], int]
    # Adds the command's own options.
    options: Callable[[argparse.ArgumentParser], None] = lambda _parser: None


def main(argv: Sequence[str], *, plan: Plan = PLAN) -> int:
    """Run one command.

    Args:
        argv: The command and its options, without the program's name.
        plan: What a stack runs on top of its servers.

    Returns:
        The exit code: 0 for success, 1 for a failure that was explained, 2 for a wrong command line;
        ``status`` has 3 for a stack that does not run.
    """
    arguments = _parser().parse_args(argv)
    command = COMMANDS[arguments.command]
    context = Context(folder=StateFolder.of(os.environ), plan=plan, arguments=arguments, console=Console([sys.stdout]))
    try:
        return command.run(context)
    except SlipwayError as error:
        sys.stderr.write("\n".join(filter(None, (error.detail, error.remedy))) + "\n")
    except OSError as error:  # a full disk, a folder taken away while we run
        sys.stderr.write(f"{error.filename or context.folder.path}: {error.strerror or error}.\n")
    return FAILED


def _up(context: Context) -> int:
    if context.arguments.detach:
        return _up_detached(context)
    context.folder.make()
    log = context.folder.log("supervisor")
    with log.open("a", encoding="utf-8") as file:
        log.chmod(0o600)
        supervisor = Supervisor(
            folder=context.folder,
            plan=context.plan,
            scope=context.arguments.only,
            environ=os.environ,
            console=Console(_distinct(sys.stdout, file)),
        )
        supervisor.run()
    return 0


def _up_detached(context: Context) -> int:
    """Start this same command in the background, and return when it has started or failed."""
    folder = context.folder
    folder.make()
    log = folder.log("supervisor")
    # A line of its own stream is a line of ours: the person sees what is going on.
    follower = OutputFollower(log, lambda line: _write(sys.stdout, line), offset=log_size(log))
    child = child_start(
        Command(
            argv=(sys.executable, "-m", context.plan.module, "up", "--only", context.arguments.only),
            cwd=CHECKOUT,
            environment={**caller_environment(os.environ), VARIABLE: str(folder.path)},
            output=log,
            parent_death_signal=None,
        )
    )
    try:
        while not child.wait_exit(_LOOK_SECONDS):
            follower.read()
            state = state_load(folder)
            if state.supervisor == child.identity and state.phase is Phase.READY:
                follower.finish()
                return 0
    except KeyboardInterrupt:
        child.send(signal.SIGTERM)
        child.wait_exit(STOP_SECONDS)
    child.reap()
    follower.finish()
    return FAILED


def _down(context: Context) -> int:
    folder, console = context.folder, context.console
    if not folder.state.exists():
        console.say(f"No stack was ever started in {folder.path}.")
        return 0
    state = state_load(folder)
    if state.supervisor is not None and state.is_supervised:
        console.step(f"waiting for the supervisor (process {state.supervisor.pid}) to end everything")
        for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
            state.supervisor.send(number)
            deadline = time.monotonic() + patience
            while state.supervisor.is_alive() and time.monotonic() < deadline:
                console.beat()
                time.sleep(_LOOK_SECONDS)
    folder.make()
    with stack_lock(folder):
        state = state_load(folder)
        leftovers_end(state, folder, console.say)
        state.phase = Phase.STOPPED
        state.supervisor = None
        state.parts = {}
        state.save(folder)
    console.say("The stack is down.")
    return 0


def _status(context: Context) -> int:
    status = StackStatus.of(context.folder)
    _write(sys.stdout, status.as_json() if context.arguments.json else status.as_table())
    return status.exit_code


def _up_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="return when all is ready; `down` ends it")
    parser.add_argument(
        "--only", choices=("all", "servers"), default="all", help="what to start (default: %(default)s)"
    )


def _status_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON instead of a table")


COMMANDS = {
    command.name: command
    for command in (
        CliCommand(name="up", help="start the local stack", run=_up, options=_up_options),
        CliCommand(name="down", help="end the local stack, also after a crash", run=_down),
        CliCommand(name="status", help="tell what runs", run=_status, options=_status_options),
    )
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="manage.py", description="Slipway's local stack.")
    words = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS.values():
        command.options(words.add_parser(command.name, help=command.help, description=command.help))
    return parser


def _distinct(stdout: TextIO, file: TextIO) -> list[TextIO]:
    """Leave the log out where standard output is the log already, as it is in the background."""
    try:
        same = os.path.sameopenfile(stdout.fileno(), file.fileno())
    except OSError:
        same = False
    return [stdout] if same else [stdout, file]


def _write(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()
