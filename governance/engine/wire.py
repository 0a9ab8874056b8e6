"""How client and helper talk: frames of a length (4 bytes, big-endian) and a JSON text, over a unix socket.

Ask: ``{"stage": "request", "input": {…}}``. Answer: ``{"set": {"id", "version", "digest"}, "results": [{"id", "level",
"outcome", "findings": [{"code", "msg", "path", "remedy"}]}], "milliseconds": 0.4}``, or ``{"error": "…"}``.
"""

import struct
from pathlib import Path

from governance.engine.canonical import MAX_BYTES
from governance.engine.policy_set import Stage

LENGTH = struct.Struct(">I")
MAX_FRAME_BYTES = MAX_BYTES + 1024
"""The largest input, and what stands around it."""

BUDGET_SECONDS = {Stage.REQUEST: 1.0, Stage.PLAN: 10.0}
"""How long an ask may take, on both sides: a caller waits for a request, a worker for a plan."""

MAX_PATH_BYTES = 100
"""A socket's address holds 104 bytes on macOS and 108 on Linux, with its end."""


class FrameTooLargeError(ValueError):
    """A peer announced more than is ever taken."""


class SocketPathError(ValueError):
    """The path is too long for a unix socket; says what to do."""


def frame(body: bytes) -> bytes:
    """Return a body with its length before it."""
    return LENGTH.pack(len(body)) + body


def take(buffer: bytearray) -> bytes | None:
    """Take the first whole frame's body out of what was received, or return None where it is not all there yet.

    Raises:
        FrameTooLargeError: Told from the length alone, before any of it is kept.
    """
    if len(buffer) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack_from(buffer)
    if length > MAX_FRAME_BYTES:
        raise FrameTooLargeError(f"A frame of {length} bytes was announced; the most is {MAX_FRAME_BYTES}.")
    end = LENGTH.size + length
    if len(buffer) < end:
        return None
    body = bytes(memoryview(buffer)[LENGTH.size : end])
    del buffer[:end]
    return body


def address(path: Path) -> str:
    """Return the path as a socket's address.

    Raises:
        SocketPathError: It has 100 bytes or more.
    """
    if len(bytes(path)) >= MAX_PATH_BYTES:
        raise SocketPathError(f"{path} is too long for a unix socket; set SLIPWAY_POLICY_SOCKET to a shorter path.")
    return str(path)
