"""The way to the policy helper: one connection a thread, a time limit on every step, and no second try.

An ask that crashed the helper would crash it again, so repeating is left to whoever asked; what is noticed before
anything was sent (the helper was replaced since) is mended by a new connection.
"""

import os
import select
import socket
import struct
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from governance.engine import wire

RECEIVE_BYTES = 64 * 1024


class HelperSilentError(Exception):
    """The helper gave no answer in time; the text says what happened and where it was looked for."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A connection; ``news`` tells whether it has something to read: a helper that was replaced has closed it."""

    socket: socket.socket
    news: select.poll
    path: Path
    timeout_seconds: float
    pid: int


class _Lines(threading.local):
    """The thread's own connection, if it has one."""

    line: _Line | None = None


_lines = _Lines()


def ask(body: bytes, *, path: Path, timeout_seconds: float) -> bytes:
    """Send an ask and return the answer's body.

    Args:
        body: JSON text.
        path: The helper's socket.
        timeout_seconds: How long the answer may take in all.

    Raises:
        HelperSilentError: Nobody listens, or no whole answer came in time.
    """
    deadline = time.monotonic() + timeout_seconds
    try:
        line = _line(path, timeout_seconds)
        line.socket.sendall(wire.frame(body))
        return _receive(line.socket, deadline)
    except (OSError, wire.FrameTooLargeError, wire.SocketPathError) as error:
        _hang_up()
        why = "no answer in time" if isinstance(error, BlockingIOError | TimeoutError) else str(error)
        raise HelperSilentError(f"The policy helper at {path} does not answer: {why}.") from error


def _line(path: Path, timeout_seconds: float) -> _Line:
    line = _lines.line
    if line is not None:
        is_same = (line.path, line.timeout_seconds, line.pid) == (path, timeout_seconds, os.getpid())
        if is_same and not line.news.poll(0):
            return line
        _hang_up()
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    seconds, rest = divmod(timeout_seconds, 1)
    limit = struct.pack("ll", int(seconds), int(rest * 1_000_000))
    for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # a blocking call that ends by itself needs no poll
        connected.setsockopt(socket.SOL_SOCKET, direction, limit)
    try:
        connected.connect(wire.address(path))
    except BaseException:
        connected.close()
        raise
    news = select.poll()
    news.register(connected, select.POLLIN)
    line = _Line(socket=connected, news=news, path=path, timeout_seconds=timeout_seconds, pid=os.getpid())
    weakref.finalize(line, connected.close)  # a thread that ends takes its line along
    _lines.line = line
    return line


def _receive(connected: socket.socket, deadline: float) -> bytes:
    buffer = bytearray()
    while (body := wire.take(buffer)) is None:
        if time.monotonic() >= deadline:
            raise TimeoutError
        received = connected.recv(RECEIVE_BYTES)
        if not received:
            raise ConnectionResetError("it hung up")
        buffer += received
    return body


def _hang_up() -> None:
    line, _lines.line = _lines.line, None
    if line is not None:
        with suppress(OSError):
            line.socket.close()
