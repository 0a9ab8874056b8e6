"""HTTP as bytes on a socket: what a well-behaved client would refuse to send, and the curl line that sends it again."""

import base64
import gzip
import http.client
import shlex
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

SECONDS = 15
"""How long an answer may take; beyond it the service is held to hang."""

TOKEN = "$SLIPWAY_TOKEN"
"""What stands for the token in whatever is printed."""

_CURL_INLINE = 2000


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One call, as it goes over the wire.

    Attributes:
        method: E.g. ``POST``.
        target: Path and query, percent-encoded or deliberately not.
        headers: As sent; ``Host`` and ``Content-Length`` are added where they are missing.
        body: Bytes of the body, or of all that follows the headers where ``is_framed``.
        is_framed: The body brings its own framing, so that no length is added.
        ends_early: Whether the client says nothing more after the body: it closes its half of the connection.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    is_framed: bool = False
    ends_early: bool = False

    @property
    def raw(self) -> bytes:
        """The whole call."""
        headers = {"Host": "127.0.0.1", **self.headers}
        if not self.is_framed and (self.body or self.method in {"POST", "PUT", "PATCH"}):
            headers["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + self.body

    @property
    def curl(self) -> str:
        """A line that sends the same, with the token and the address from the environment."""
        words = ["curl", "-sS", "-i", "--path-as-is", "-X", self.method, f"$SLIPWAY_URL{self.target}"]
        for name, value in self.headers.items():
            words += ["-H", f"{name}: {'Bearer ' + TOKEN if value.startswith('Bearer slw_') else value}"]
        line = " ".join(_quoted(word) for word in words)
        if not self.body:
            return line
        text = self.body.decode("ascii", "replace")
        if text.isprintable() and len(text) <= _CURL_INLINE and "\ufffd" not in text:
            return f"{line} --data-binary {shlex.quote(text)}"
        packed = base64.b64encode(gzip.compress(self.body, mtime=0)).decode()
        return f"echo {packed} | base64 -d | gunzip | {line} --data-binary @-"


def _quoted(word: str) -> str:
    """Quote for the shell, but let the two variables be filled in."""
    if word.startswith("$SLIPWAY_URL"):
        return '"$SLIPWAY_URL"' + shlex.quote(word.removeprefix("$SLIPWAY_URL"))
    return f'"{word}"' if word.endswith(TOKEN) else shlex.quote(word)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What came back.

    Attributes:
        status: 0 where the connection was closed without an answer.
        headers: By lower-case name.
        body: As it came.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Wire:
    """A connection to the service, opened anew whenever the other side has closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket: socket.socket | None = None

    def send(self, sent: Sent) -> Heard:
        """Send a call and return the answer.

        Raises:
            TimeoutError: There was none within 15 seconds.
        """
        is_kept = self._socket is not None
        try:
            heard = self._exchange(sent)
        except (ConnectionError, http.client.HTTPException):
            self.close()
            if not is_kept:
                return Heard(status=0)
            return self.send(sent)  # a kept connection may have been closed meanwhile; a new one answers for itself
        if sent.is_framed or sent.ends_early or heard.headers.get("connection", "").lower() == "close":
            self.close()
        return heard

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, sent: Sent) -> Heard:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # It may be answered before all was sent, as is right for what is too large; the answer waits to be read then.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(sent.raw)
        if sent.ends_early:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(self._socket, method=sent.method)
        answer.begin()
        body = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        if answer.will_close:
            headers["connection"] = "close"
        return Heard(status=answer.status, headers=headers, body=body)
