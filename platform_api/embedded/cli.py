"""The stack's command line: ``up``, ``down``, ``status``, ``demo``. A command is one entry of a table.

``manage.py`` hands these words over before Django loads, so that settings cannot stop the stack that they
need.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from platform_api.core.errors import SlipwayError
from platform_api.embedded.background import stack_end, stack_start
from platform_api.embedded.console import Console, question_ask
from platform_api.embedded.folder import StateFolder
from platform_api.embedded.parts import PLAN, Plan
from platform_api.embedded.releases.providing import program_provide
from platform_api.embedded.status import StackStatus
from platform_api.embedded.supervisor import Supervisor

FAILED = 1


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
        ``status`` has 3 for a stack that does not run, and ``demo`` 130 for one that was interrupted.
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
    # Here, because in the background there is nobody to ask.
    for search in (search for part in context.plan.parts if context.arguments.only == "all" for search in part.needs):
        program_provide(search, folder=context.folder, environ=os.environ, ask=question_ask, say=context.console.say)
    if context.arguments.detach:
        is_ready = stack_start(
            context.folder,
            context.plan,
            scope=context.arguments.only,
            on_line=lambda line: _write(sys.stdout, line),
        )
        return 0 if is_ready else FAILED
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


def _down(context: Context) -> int:
    if not context.folder.state.exists():
        context.console.say(f"No stack was ever started in {context.folder.path}.")
        return 0
    stack_end(context.folder, context.console)
    context.console.say("The stack is down.")
    return 0


def _status(context: Context) -> int:
    status = StackStatus.of(context.folder)
    _write(sys.stdout, status.as_json() if context.arguments.json else status.as_table())
    return status.exit_code


def _demo(context: Context) -> int:
    from platform_api.embedded.demo.play import demo_play  # its clients of servers would slow down every other command

    return demo_play(
        context.folder,
        context.plan,
        service_url=context.arguments.url,
        is_kept=context.arguments.keep,
        console=context.console,
        stream=sys.stdout,
        environ=os.environ,
    )


def _up_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="return when all is ready; `down` ends it")
    parser.add_argument(
        "--only", choices=("all", "servers"), default="all", help="what to start (default: %(default)s)"
    )


def _demo_options(parser: argparse.ArgumentParser) -> None:
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--keep", action="store_true", help="leave the stack running, and print how to log in")
    choice.add_argument("--url", help="play on the service at this address, whose settings the environment holds")


def _status_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON instead of a table")


COMMANDS = {
    command.name: command
    for command in (
        CliCommand(name="up", help="start the local stack", run=_up, options=_up_options),
        CliCommand(name="down", help="end the local stack, also after a crash", run=_down),
        CliCommand(name="status", help="tell what runs", run=_status, options=_status_options),
        CliCommand(name="demo", help="play a whole journey and prove it", run=_demo, options=_demo_options),
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
