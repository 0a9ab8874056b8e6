"""Tell a person what goes on: one line for each thing done, and a sign of life where one takes long."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

_BEAT_SECONDS = 5


class Console:
    """Writes lines with the time of day (UTC) to each stream; a stream that went away is let go."""

    def __init__(self, streams: Sequence[TextIO]) -> None:
        self._streams = list(streams)
        self._step = ""
        self._step_began_at = self._said_at = time.monotonic()

    def say(self, text: str) -> None:
        """Write a line."""
        self._said_at = time.monotonic()
        line = f"{datetime.now(UTC):%H:%M:%S} {text}\n"
        for stream in list(self._streams):
            try:
                stream.write(line)
                stream.flush()
            except OSError:  # the terminal was closed, or the reader of a pipe ended
                self._streams.remove(stream)

    def step(self, text: str) -> None:
        """Name what is being done now, for `beat`."""
        self._step = text
        self._step_began_at = time.monotonic()

    def beat(self) -> None:
        """Say that the step still goes on, when nothing was said for five seconds; call it often."""
        now = time.monotonic()
        if now - self._said_at >= _BEAT_SECONDS:
            self.say(f"{self._step} ({now - self._step_began_at:.0f} s)")


def question_ask(question: str) -> bool | None:
    """Ask the person at the terminal; anything but a yes is a no.

    Returns:
        Whether they agree; ``None`` where nobody sits at a terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    try:
        answer = input(f"{question} [y/N] ")
    except (EOFError, KeyboardInterrupt):
        sys.stdout.write("\n")
        return False
    return answer.strip().lower() in {"y", "yes"}
