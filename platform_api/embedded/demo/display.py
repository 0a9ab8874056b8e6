"""What a person sees of a demo: numbered steps, what came, what was proved, and how long it took.

On a terminal one line is rewritten while something takes its time. Elsewhere, as in a CI log, there are whole
lines only, and a sign of life every five seconds.
"""

import json
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TextIO

_BEAT_SECONDS = 5
_MARGIN = "    "
_SHOWN_CHARACTERS = 3
_CONCEALED = "****"
_CLEAR_LINE = "\r\x1b[2K"


class Style(StrEnum):
    """How a line looks where colors are shown: parameters of the terminal's SGR sequence."""

    PLAIN = "0"
    TITLE = "1"
    FAINT = "2"
    GOOD = "32"
    BAD = "31"


class Display:
    """Writes to one stream; when its reader goes away, the demo goes on unseen.

    Args:
        stream: Where to; colors and rewritten lines only if it is a terminal.
        environ: ``NO_COLOR`` (anything but empty) forbids colors, ``TERM=dumb`` both.
        clock: Seconds that only grow.
    """

    def __init__(
        self, stream: TextIO, environ: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream: TextIO | None = stream
        self._encoding = stream.encoding or "utf-8"
        self._is_live = stream.isatty() and environ.get("TERM") != "dumb"
        self._has_colors = self._is_live and not environ.get("NO_COLOR")
        self._clock = clock
        self._began_at = self._said_at = clock()
        self._waits_since: float | None = None
        self._secrets: set[str] = set()
        self._steps = 0
        self.seen_count = 0

    @property
    def seconds(self) -> float:
        """How long the demo has played."""
        return self._clock() - self._began_at

    @contextmanager
    def step(self, title: str) -> Generator[None]:
        """Number and name what is done in the block, and tell how long it took, also where it failed."""
        self._steps += 1
        began_at = self._clock()
        self._line("")
        self._line(f"{self._steps:2}  {title}", Style.TITLE)
        try:
            yield
        except BaseException:
            self.say(f"FAILED after {self._clock() - began_at:.1f} s", Style.BAD)
            raise
        self.say(f"{self._clock() - began_at:.1f} s", Style.FAINT)

    def say(self, text: str, style: Style = Style.PLAIN) -> None:
        """Write lines that belong to the step."""
        for line in text.splitlines():
            self._line(_MARGIN + line, style)

    def headline(self, text: str) -> None:
        """Write a line that belongs to the demo as a whole."""
        self._line("")
        self._line(text, Style.TITLE)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Write rows with columns of equal width."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def document(self, body: Any) -> None:
        """Write JSON as the caller got it, but for line breaks and blanks."""
        self.say(json.dumps(body, indent=2, ensure_ascii=False))

    def seen(self, claim: str) -> None:
        """Tell that a claim was proved, and count it."""
        self.seen_count += 1
        self.say(f"ok  {claim}", Style.GOOD)

    def beat(self, text: str) -> None:
        """Show what the demo waits for, and for how long nothing else was said; call it often."""
        now = self._clock()
        if self._waits_since is None:
            self._waits_since = now
        line = f"{_MARGIN}... {text} ({now - self._waits_since:.0f} s)"
        if self._is_live:
            self._write(_CLEAR_LINE + self._styled(line, Style.FAINT))
        elif now - self._said_at >= _BEAT_SECONDS:
            self._said_at = now
            self._write(f"{line}\n")

    def conceal(self, secret: str) -> None:
        """Never show this text again: ``****`` stands in its place."""
        self._secrets.add(secret)

    def masked(self, text: str) -> str:
        """Replace each concealed text."""
        for secret in self._secrets:
            text = text.replace(secret, _CONCEALED)
        return text

    def _line(self, text: str, style: Style = Style.PLAIN) -> None:
        self._said_at = self._clock()
        start = _CLEAR_LINE if self._is_live and self._waits_since is not None else ""
        self._waits_since = None
        self._write(f"{start}{self._styled(text, style)}\n")

    def _styled(self, text: str, style: Style) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._has_colors and style is not Style.PLAIN else text

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            # A stream that knows no ellipsis shall not end the demo.
            self._stream.write(self.masked(text).encode(self._encoding, "replace").decode(self._encoding))
            self._stream.flush()
        except OSError:  # the terminal was closed, or the reader of a pipe ended
            self._stream = None


def secret_hint(secret: str) -> str:
    """Show the beginning of a secret, so that one sees that there is one."""
    return f"{secret[:_SHOWN_CHARACTERS]}{_CONCEALED}"
