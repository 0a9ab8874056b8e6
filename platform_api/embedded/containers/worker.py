"""``python -m platform_api.embedded.containers.worker``: a worker as the first program of its container.

When a container's first program ends, the kernel kills all others in it: Terraform too, which is about to save its
state. So the worker is not the first one. This is: it ends the worker step by step, as the local stack does, and goes
on until Terraform has ended.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from platform_api.embedded.attention import Attention
from platform_api.embedded.parts import PLAN, Part, worker_ladder
from platform_api.embedded.supervisor import ORPHAN_SECONDS
from platform_api.process.orphans import orphans_adopt, orphans_collect

_LOOK_SECONDS = 0.2
_ORPHAN_LOOK_SECONDS = 2.0  # each look reads the whole table of processes
_DRAIN_SECONDS = 600  # as the worker itself has it where nothing is set
_SIGNALED = 128  # what shells add to the number of a signal that ended a program


def worker_run(part: Part) -> int:
    """Run the worker until it ends, or until SIGTERM, SIGINT or SIGHUP; then wait for what it leaves.

    1. Start the worker in a session of its own; collect what is handed to this process meanwhile.
    2. When asked to stop, go down the part's ladder, and after its last step kill. Asked again, take the next step at
       once.
    3. Kill what is left of the worker's own processes. Terraform, in other sessions, was told by the kernel that its
       parent died; wait until it has saved its state, for 75 seconds at most.

    Args:
        part: How the worker is started and ended.

    Returns:
        The worker's exit status, or 128 and the number of the signal that ended it.
    """
    orphans_adopt()
    with Attention() as attention:
        worker = subprocess.Popen(part.argv, start_new_session=True)  # noqa: S603 - the stack's own plan
        tended_at = time.monotonic()
        while worker.poll() is None and not attention.stops_asked:
            attention.wait(_LOOK_SECONDS)
            if time.monotonic() - tended_at >= _ORPHAN_LOOK_SECONDS:
                orphans_collect([worker.pid])
                tended_at = time.monotonic()
        for step in part.ladder:
            if worker.poll() is None:
                asked = attention.stops_asked
                worker.send_signal(step.signal)
                _wait(worker, step.seconds, attention, asked=asked)
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        status = worker.wait()
        deadline = time.monotonic() + ORPHAN_SECONDS
        while orphans_collect(()) and time.monotonic() < deadline:
            attention.wait(_LOOK_SECONDS)
    return status if status >= 0 else _SIGNALED - status


def _wait(worker: "subprocess.Popen[bytes]", seconds: float, attention: Attention, *, asked: int) -> None:
    deadline = time.monotonic() + seconds
    while worker.poll() is None and time.monotonic() < deadline and attention.stops_asked == asked:
        attention.wait(_LOOK_SECONDS)


def part_of(environ: Mapping[str, str]) -> Part:
    """Return the stack's own worker, which drains for as long as the environment says."""
    seconds = float(environ.get("SLIPWAY_WORKER_DRAIN_SECONDS") or _DRAIN_SECONDS)
    worker = next(part for part in PLAN.parts if part.name == "worker")
    return replace(worker, ladder=worker_ladder(seconds))


if __name__ == "__main__":
    sys.exit(worker_run(part_of(os.environ)))
