"""Start a child in a session of its own, watch it, and leave nothing of it behind."""

import os
import select
import shutil
import signal
import subprocess
import time

from platform_api.core.errors import UnavailableError
from platform_api.process.commands import Command
from platform_api.process.identity import ProcessIdentity, processes_end
from platform_api.process.ladders import Ladder

_POLL_SECONDS = 0.02


class ProgramStartError(UnavailableError):
    """A program could not be started; the text names it and the system's reason."""

    code = "program_start_failed"
    title = "A program could not be started"


class Child:
    """A started command. Until `reap` is called its number passes to nobody else, even after its end."""

    def __init__(self, process: subprocess.Popen[bytes], identity: ProcessIdentity) -> None:
        self._process = process
        self._handle = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else None
        self.identity = identity

    @property
    def pid(self) -> int:
        """The process number; also the number of the session and of the group that the child leads."""
        return self._process.pid

    def wait_exit(self, seconds: float) -> bool:
        """Wait until the child has ended, without collecting it.

        Args:
            seconds: How long to wait at most; 0 only looks.

        Returns:
            Whether it has ended.
        """
        if self._process.returncode is not None:
            return True
        if self._handle is not None:
            poller = select.poll()
            poller.register(self._handle, select.POLLIN)
            return bool(poller.poll(seconds * 1000))
        deadline = time.monotonic() + seconds
        while self.identity.is_alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def send(self, number: signal.Signals) -> None:
        """Signal the child itself, not its group."""
        if not self.wait_exit(0):
            os.kill(self.pid, number)

    def descend(self, ladder: Ladder) -> None:
        """Ask the child to end, step by step, until it has; the last step of the way is `reap`."""
        for step in ladder:
            self.send(step.signal)
            if self.wait_exit(step.seconds):
                break

    def reap(self) -> int:
        """End by SIGKILL whatever lives of the child's session and group, then collect the child.

        Returns:
            Its exit status, or the negative number of the signal that ended it.
        """
        if self._process.returncode is None:
            if not self.wait_exit(0):
                self.send(signal.SIGKILL)
                self.wait_exit(10)
            # While the ended leader is not collected, its number cannot pass on: these members are ours for
            # sure.
            while members := self.identity.members():
                if processes_end(members, ()):
                    break
            self._process.wait()
            if self._handle is not None:
                os.close(self._handle)
        return self._process.returncode


def child_start(command: Command) -> Child:
    """Start a command in its own session, with stdin closed and its output going to a file.

    Start it from a thread that outlives it: the parent-death signal follows the thread, not the process.

    Raises:
        ProgramStartError: The program, its folder or its output file is not there or not allowed. What fails
            after a wrapper or launcher took over shows as exit status 126 or 127 and a line in the output.
    """
    if shutil.which(command.argv[0], path=command.environment.get("PATH", os.defpath)) is None:
        raise ProgramStartError(f"{command.argv[0]} is not there, or may not be run.")
    argv = command.full_argv()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        output = os.open(command.output, flags, 0o600)
        try:
            process = subprocess.Popen(  # noqa: S603 - starting what it is told is what this room is for
                argv,
                cwd=command.cwd,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=command.pass_fds,
                umask=command.umask,
            )
        finally:
            os.close(output)
    except OSError as error:
        raise ProgramStartError(f"{command.argv[0]} could not be started: {error}.") from error
    identity = ProcessIdentity.of(process.pid)
    if identity is None:  # pragma: no cover - an uncollected child is always in the table
        raise ProgramStartError(f"{command.argv[0]} (process {process.pid}) is not in the table of processes.")
    return Child(process, identity)
