"""Start a stack in the background, and end one from outside, whoever started it."""

import os
import signal
import sys
import time
from collections.abc import Callable

from platform_api.embedded.console import Console
from platform_api.embedded.environment import caller_environment
from platform_api.embedded.folder import CHECKOUT, VARIABLE, StateFolder
from platform_api.embedded.leftovers import leftovers_end
from platform_api.embedded.lock import stack_lock
from platform_api.embedded.logs import log_size
from platform_api.embedded.parts import Plan
from platform_api.embedded.state import Phase, state_load
from platform_api.process.children import child_start
from platform_api.process.commands import Command
from platform_api.process.output import OutputFollower

STOP_SECONDS = 180  # parts 65 s, Terraform 75 s, servers 40 s at the very worst
_KILL_SECONDS = 10
_LOOK_SECONDS = 0.1


def stack_start(folder: StateFolder, plan: Plan, *, scope: str, on_line: Callable[[str], None]) -> bool:
    """Run the stack's own command in the background, and return when it has started or failed.

    Args:
        folder: The stack's folder.
        plan: What it runs on top of its servers.
        scope: What to start: ``all`` or ``servers``.
        on_line: Gets each line that the supervisor says meanwhile; a failure is among them.

    Returns:
        Whether everything is ready. Ctrl-C ends what was started, and counts as a failure.
    """
    folder.make()
    log = folder.log("supervisor")
    # A line of its own stream is a line of ours: the person sees what is going on.
    follower = OutputFollower(log, on_line, offset=log_size(log))
    child = child_start(
        Command(
            argv=(sys.executable, "-m", plan.module, "up", "--only", scope),
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
                return True
    except KeyboardInterrupt:
        child.send(signal.SIGTERM)
        child.wait_exit(STOP_SECONDS)
    child.reap()
    follower.finish()
    return False


def stack_end(folder: StateFolder, console: Console) -> None:
    """End a stack that was started at some time, and what a crash left of it.

    Raises:
        AlreadyRunningError: Its supervisor does not end.
    """
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
