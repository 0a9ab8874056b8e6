"""Another commit of this repository, measured beside this one: its own code, its own stack, in turns with ours."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_api.embedded.folder import CHECKOUT

# Run in the other checkout, by what its own benchmark is made of: one line in, one measurement out.
_PROGRAM = """
import sys
from benchmarks.provision import _ready_seconds
from benchmarks.stack import stack_run
with stack_run() as stack:
    _ready_seconds(stack)
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        sys.stdout.write(f"{_ready_seconds(stack)[0]}\\n")
        sys.stdout.flush()
"""


@contextmanager
def base_run(commit: str) -> Iterator[Callable[[], float]]:
    """Give a call that orders one database of the other commit's stack, and returns the seconds until it was ready.

    Args:
        commit: What Git knows it by.

    Raises:
        RuntimeError: Its stack does not start, or an order fails.
    """
    with tempfile.TemporaryDirectory(prefix="slb-") as folder:
        checkout = Path(folder) / "base"
        _git("worktree", "add", "--detach", str(checkout), commit)
        try:
            with subprocess.Popen(
                (sys.executable, "-c", _PROGRAM), cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as process:

                def answer() -> str:
                    line = process.stdout.readline() if process.stdout else ""
                    if not line:
                        msg = f"the stack of {commit} could not be measured; why stands above"
                        raise RuntimeError(msg)
                    return line

                def measure() -> float:
                    if process.stdin is not None:
                        process.stdin.write("\n")
                        process.stdin.flush()
                    return float(answer())

                answer()
                yield measure
                if process.stdin is not None:
                    process.stdin.close()  # the end of its input, at which it takes its stack down
        finally:
            _git("worktree", "remove", "--force", str(checkout))


def _git(*arguments: str) -> None:
    subprocess.run(("git", *arguments), cwd=CHECKOUT, check=True, capture_output=True)  # noqa: S607 - from PATH
