"""Ask for a signal at the parent's death, then become another program: what ``setpriv --pdeathsig`` does.

Run as a script by an isolated interpreter (``python -I -S launcher.py NUMBER PROGRAM ARGUMENT...``) where
``setpriv`` is missing. A program of its own, because code between fork and exec is not safe in a process with
threads.

With ``--once`` before the number it stays, between parent and program. The kernel sends the signal each time that the
program passes to another parent, and the threads of a killed process pass it from one to the next: two signals for one
death, and Terraform takes the second for "at once, whatever is lost". A parent with one thread dies once.
"""

import ctypes
import os
import signal
import sys
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_CANNOT_RUN = 127
_HEARD = frozenset({signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP})


def main() -> None:
    """Set the signal and replace this process, or a child of it; status 127 where the program cannot be run."""
    if sys.argv[1] == "--once":
        _stand_between(int(sys.argv[2]), sys.argv[3:])
    _become(int(sys.argv[1]), sys.argv[2:])


def _become(number: int, argv: list[str]) -> NoReturn:
    for heard in _HEARD:  # whatever this process was started deaf to
        signal.signal(heard, signal.SIG_DFL)
    _ask_for(number)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(_CANNOT_RUN)


def _stand_between(number: int, argv: list[str]) -> NoReturn:
    """Run the program as a child, hand it every signal that comes, and end as it ends."""
    _ask_for(signal.SIGKILL)  # of which any number is as good as one
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    between = os.getpid()
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        _ask_for(number)
        if os.getppid() != between:  # it died before the kernel was asked
            sys.exit(_CANNOT_RUN)
        _become(number, argv)
    ended, status = 0, 0
    while not ended:
        received = signal.sigwait(_HEARD)
        if received != signal.SIGCHLD:
            os.kill(child, received)
        ended, status = os.waitpid(child, os.WNOHANG)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        os.kill(between, -code)
    os._exit(code)


def _ask_for(number: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
