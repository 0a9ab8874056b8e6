"""Ask for a signal at the parent's death, then become another program: what ``setpriv --pdeathsig`` does.

Run as a script by an isolated interpreter (``python -I -S launcher.py NUMBER PROGRAM ARGUMENT...``) where
``setpriv`` is missing. A program of its own, because code between fork and exec is not safe in a process with
threads.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Set the signal and replace this process; ends with status 127 when the program cannot be run."""
    number, *argv = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
