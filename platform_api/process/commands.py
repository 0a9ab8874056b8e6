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
    umask: int = 0o077

    def full_argv(self) -> tuple[str, ...]:
        """Put wrapper, parent-death signal and program in their order."""
        death = () if self.parent_death_signal is None else _parent_death_prefix(self.parent_death_signal)
        return (*self.wrapper, *death, *self.argv)

    def detached(self) -> "Command":
        """Make the same command outlive whoever starts it."""
        return replace(self, parent_death_signal=None)


@cache
def _parent_death_prefix(number: signal.Signals) -> tuple[str, ...]:
    """Find the program that asks the kernel for the signal; nothing where the kernel knows no such thing."""
    if not sys.platform.startswith("linux"):
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        prefix = (setpriv, "--pdeathsig", number.name.removeprefix("SIG"), "--")
        # A small system's setpriv may lack the option.
        if subprocess.run((*prefix, "true"), capture_output=True, check=False).returncode == 0:  # noqa: S603 - fixed words
            return prefix
    return (sys.executable, "-I", "-S", str(_LAUNCHER), str(int(number)))
