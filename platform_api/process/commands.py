"""What to start, said completely: nothing about a child is inherited by accident."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launcher.py")
_BETWEEN = Path(__file__).with_name("between.sh")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One program with everything that it gets to see."""

    # Program and arguments; visible to every user of the machine, so never a secret.
    argv: tuple[str, ...]
    cwd: Path
    # The whole environment of the child; nothing is added to it.
    environment: Mapping[str, str]
    # Where stdout and stderr are appended; made with mode 0600. A file, because a child whose reader has died
    # must be able to go on and save its work: on a pipe it would die of the next line that it writes.
    output: Path
    # A program that changes user or namespace and then becomes ``argv`` (``unshare ... --``). It stands
    # before the parent-death signal, which the kernel forgets at such a change.
    wrapper: tuple[str, ...] = ()
    # Descriptors of ours that stay open in the child.
    pass_fds: tuple[int, ...] = ()
    # What the kernel sends to the child when the thread that started it ends; ``None`` lets it live on. Linux
    # only.
    # (A parent killed in the millisecond before the child asks for it leaves an orphan; identities find that
    # one.)
    parent_death_signal: signal.Signals | None = signal.SIGTERM
    # Whether two of that signal would be worse than one: a parent with threads may send it several times, see
    # launcher.py. Costs a small process beside the program.
    is_told_once: bool = False
    umask: int = 0o077

    def full_argv(self) -> tuple[str, ...]:
        """Put wrapper, parent-death signal and program in their order."""
        return (*self.wrapper, *self._parent_death_prefix(), *self.argv)

    def detached(self) -> "Command":
        """Make the same command outlive whoever starts it."""
        return replace(self, parent_death_signal=None)

    def _parent_death_prefix(self) -> tuple[str, ...]:
        """Find the program that asks the kernel for the signal; nothing where the kernel knows no such thing."""
        if self.parent_death_signal is None or not sys.platform.startswith("linux"):
            return ()
        if self.is_told_once:
            return _between(self.parent_death_signal) or _launcher(self.parent_death_signal, options=("--once",))
        return _setpriv(self.parent_death_signal) or _launcher(self.parent_death_signal)


def _launcher(number: signal.Signals, *, options: tuple[str, ...] = ()) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", str(_LAUNCHER), *options, str(int(number)))


@cache
def _between(number: signal.Signals) -> tuple[str, ...]:
    setpriv, env, shell = _setpriv(signal.SIGKILL), shutil.which("env"), shutil.which("sh")
    if setpriv and env is not None and shell is not None:
        # A shell that is started deaf to a signal stays so, and a pool child of Celery is deaf to SIGINT.
        hearing = (env, "--default-signal=INT,TERM,QUIT,HUP")
        prefix = (*setpriv, *hearing, shell, str(_BETWEEN), number.name.removeprefix("SIG"))
        # A small system's env may lack the option.
        if subprocess.run((*prefix, "true"), capture_output=True, check=False).returncode == 0:  # noqa: S603 - fixed words
            return prefix
    return ()


@cache
def _setpriv(number: signal.Signals) -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        prefix = (setpriv, "--pdeathsig", number.name.removeprefix("SIG"), "--")
        # A small system's setpriv may lack the option.
        if subprocess.run((*prefix, "true"), capture_output=True, check=False).returncode == 0:  # noqa: S603 - fixed words
            return prefix
    return ()
