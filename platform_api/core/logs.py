"""How log records become lines: no text that somebody else wrote can forge one, and no secret stands in one."""

import logging
import re
from typing import Any

from pythonjsonlogger.json import JsonFormatter

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that begin a line, steer a terminal or turn the direction of text."""

_TOKEN = re.compile(r"slw_(pat|svc|ci)_[0-9A-Za-z]+")
_URL_LOGIN = re.compile(r"://[^\s/@\"']*:[^\s/@\"']+@")
_SCHEMES = ("bearer", "basic")
_LOGIN = re.compile(rf"(?i)\b({'|'.join(_SCHEMES)})(\s+|%20)[\w.~+/=-]{{8,}}")


def records_lighten() -> None:
    """Have records hold no file, line, thread or process, which no line of ours says and each record would look up.

    For a process that writes a line for each call; Python's documentation of logging tells how ("Optimization").
    """
    logging._srcfile = None  # noqa: SLF001 - the documented way
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def escaped(text: str) -> str:
    """Return a text as one harmless line: control characters as Python writes them."""
    if text.isprintable():  # the quick way past: whatever is searched for is not printable
        return text
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def redacted(text: str) -> str:
    """Return a text without what looks like a secret; no code of ours logs one, this is for what others' code says."""
    if "slw_" in text:
        text = _TOKEN.sub(r"slw_\1_…", text)
    if "://" in text:
        text = _URL_LOGIN.sub("://…@", text)
    # Ten times as dear as both before, because it begins with no character of its own.
    return _LOGIN.sub(r"\1 …", text) if any(word in text.lower() for word in _SCHEMES) else text


class LineFormatter(logging.Formatter):
    """One readable line a record; a traceback follows indented, so that none of its lines looks like a record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line."""
        return redacted(escaped(super().formatMessage(record)))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback."""
        lines = super().formatException(ei).splitlines()
        return "\n".join(f"    {redacted(escaped(line))}" for line in lines)


class JsonLineFormatter(JsonFormatter):
    """One JSON object a record, all of it ASCII: a line ends where the object ends."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object."""
        return redacted(super().format(record))
