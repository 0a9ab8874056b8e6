"""Run one command to its end: watched, bounded in time, stoppable, and with nothing left behind."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from platform_api.process.children import Child, child_start
from platform_api.process.commands import Command
from platform_api.process.ladders import Ladder
from platform_api.process.output import OutputFollower

INTERVAL_SECONDS = 0.25  # how often output, clock and the wish to stop are looked at while the command runs


class Ending(StrEnum):
    """Why a command's run came to its end."""

    FINISHED = "finished"  # it ended by itself
    TIMED_OUT = "timed_out"  # it was stopped at its deadline
    SILENT = "silent"  # it was stopped because it wrote nothing for too long
    STOPPED = "stopped"  # it was stopped because its caller asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a command.

    ``ending`` is judged by what this side decided, never by the exit status: an interrupted program may well
    report success.
    """

    # Exit status, or the negative number of the signal that ended it.
    return_code: int
    ending: Ending
    # From start to collected, including the time that stopping took.
    seconds: float

    @property
    def is_success(self) -> bool:
        """Whether it ended by itself, with status 0."""
        return self.ending is Ending.FINISHED and self.return_code == 0


def run(
    command: Command,
    *,
    deadline_seconds: float,
    ladder: Ladder,
    silence_seconds: float | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_line: Callable[[str], None] = lambda _line: None,
) -> Outcome:
    """Run a command to its end and tell how it ended.

    1. Start it; its output is appended to ``command.output``.
    2. Every `INTERVAL_SECONDS` hand new complete lines to ``on_line``, look at the clock, ask
       ``should_stop``.
    3. Stop it by the ladder where one of these says so; lines are not lost meanwhile.
    4. End what is left of its session and group, collect it, hand on the last lines.

    An exception from a callback, or one that a signal handler throws in, stops the command by the same ladder
    and goes on to the caller; a second one cuts the ladder short.

    Args:
        command: What to run.
        deadline_seconds: How long it may take, counted from its start.
        ladder: How it is stopped; SIGKILL follows the last step.
        silence_seconds: How long it may write nothing; ``None`` for as long as it likes.
        should_stop: Asked regularly, from this thread; its first yes is final.
        on_line: Gets each line without its end, cut at `platform_api.process.output.LINE_LIMIT_BYTES`.

    Raises:
        ProgramStartError: It could not be started.
    """
    offset = command.output.stat().st_size if command.output.exists() else 0
    began_at = time.monotonic()
    child = child_start(command)
    follower = OutputFollower(command.output, on_line, offset=offset)
    try:
        ending = _watch(
            child,
            follower,
            deadline_at=began_at + deadline_seconds,
            silence_seconds=silence_seconds,
            should_stop=should_stop,
        )
        if ending is not Ending.FINISHED:
            _descend(child, follower, ladder)
    except BaseException:
        child.descend(ladder)
        raise
    finally:
        return_code = child.reap()
    follower.finish()
    return Outcome(return_code=return_code, ending=ending, seconds=time.monotonic() - began_at)


def _watch(
    child: Child,
    follower: OutputFollower,
    *,
    deadline_at: float,
    silence_seconds: float | None,
    should_stop: Callable[[], bool],
) -> Ending:
    heard_at = time.monotonic()
    while not child.wait_exit(min(INTERVAL_SECONDS, max(0.0, deadline_at - time.monotonic()))):
        now = time.monotonic()
        if follower.read():
            heard_at = now
        if should_stop():
            return Ending.STOPPED
        if now >= deadline_at:
            return Ending.TIMED_OUT
        if silence_seconds is not None and now - heard_at >= silence_seconds:
            return Ending.SILENT
    return Ending.FINISHED


def _descend(child: Child, follower: OutputFollower, ladder: Ladder) -> None:
    for step in ladder:
        child.send(step.signal)
        step_ends_at = time.monotonic() + step.seconds
        while (left := step_ends_at - time.monotonic()) > 0:
            if child.wait_exit(min(INTERVAL_SECONDS, left)):
                return
            follower.read()
