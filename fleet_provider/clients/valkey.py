"""The admin's connection to a Valkey (or Redis): bounded in time, repaired when lost, plain about trouble."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

from fleet_provider.credentials import ValkeyCredentials
from fleet_provider.faults import Fault

T = TypeVar("T")
Command = tuple[str | int, ...]

_CONNECT_SECONDS = 5.0
_REPLY_SECONDS = 30.0  # the longest that is asked for is one step of a scan
_SCAN_COUNT = 1000  # keys of one step; the server answers others between two steps
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0

_DIGEST = re.compile(r"#[0-9a-fA-F]{64}")
_REFUSED = frozenset({"WRONGPASS", "NOAUTH"})
_PASSING = frozenset({"LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN"})
_MEANINGS = {
    "NOPERM": (
        "the admin may not do that",
        "Whoever makes users needs all commands on all keys and channels: ACL SETUSER ... ~* &* +@all.",
    ),
    "OOM": ("the server's memory is full", "Raise maxmemory or give something back on this server, then run again."),
    "READONLY": ("the server only reads", "It is a replica. Name the primary server in the credentials."),
    "MISCONF": (
        "the server cannot write its data to disk and so refuses changes",
        "Make room on the server's disk; its log says what failed.",
    ),
    "LOADING": ("the server is still loading its data", "Run again when it has started."),
    "BUSY": ("a script keeps the server busy", "End it with SCRIPT KILL or FUNCTION KILL, then run again."),
    "WRONGTYPE": ("the key holds something else", "Look with TYPE what is there; remove it if nobody needs it."),
}
_NO_ACL_FILE = (
    "the server keeps its users in no file, and would forget them at its next start",
    "Start it with an aclfile, in which the admin's own user stands too; then run again.",
)


class Refusal(Exception):  # noqa: N818 - the server's word on one command; what reaches a person is a Fault
    """The server's error answer to one command.

    Attributes:
        code: Its first word, such as ``NOPERM``.
        said: All of it; a password's digest that it quotes is left out.
    """

    def __init__(self, said: str) -> None:
        self.code = said.partition(" ")[0]
        self.said = _DIGEST.sub("#[redacted]", said)
        super().__init__(self.said)


class Session:
    """One open connection, as a piece of work sees it: RESP2, which every version speaks."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers = connection.makefile("rb")

    def call(self, *words: str | int) -> Any:
        """Send a command and return the answer: None, a number, a text, or a list of these.

        Args:
            *words: Command and arguments, each sent as it is: there is nothing to quote.

        Raises:
            Refusal: The server refuses.
            OSError: The connection is lost.
        """
        (answer,) = self.calls([words])
        return answer

    def calls(self, commands: Iterable[Command]) -> list[Any]:
        """Send several commands at once and return their answers; as ``call``, raising the first refusal."""
        answers = self.answers(commands)
        for answer in answers:
            if isinstance(answer, Refusal):
                raise answer
        return answers

    def answers(self, commands: Iterable[Command]) -> list[Any]:
        """Send several commands at once and return their answers, refusals among them; otherwise as ``call``."""
        sent = list(commands)
        self._connection.sendall(b"".join(map(_encoded, sent)))
        return [self._answer() for _ in sent]

    def scan(self, pattern: str) -> Iterator[list[str]]:
        """Walk through the keys that fit a pattern, step by step.

        Yields:
            The keys of one step, some perhaps a second time. A key that is there from the first step to the last
            is among them.
        """
        cursor = "0"
        while True:
            cursor, keys = self.call("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT)
            yield keys
            if cursor == "0":
                return

    def described(self, what: str, *of: str) -> list[dict[str, Any]]:
        """Return what XINFO tells of a stream's groups, or of a group's consumers: one for each.

        Args:
            what: ``GROUPS`` or ``CONSUMERS``.
            *of: The stream's key, and the group's name for its consumers.
        """
        return [dict(zip(words[::2], words[1::2], strict=True)) for words in self.call("XINFO", what, *of)]

    def close(self) -> None:
        """End the connection."""
        self._answers.close()
        self._connection.close()

    def _answer(self) -> Any:
        line = self._answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, text = line[:1], _decoded(line[1:-2])
        if kind == b"-":
            return Refusal(text)
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == "-1" else self._text(int(text))
        if kind == b"*":
            return None if text == "-1" else [self._answer() for _ in range(int(text))]
        return text

    def _text(self, length: int) -> str:
        content = self._answers.read(length + 2)
        if len(content) != length + 2:
            raise ConnectionError("the server closed the connection")
        return _decoded(content[:-2])


class Valkey:
    """The admin's one connection, opened at first use; the threads of a provider use it one at a time."""

    def __init__(self, credentials: ValkeyCredentials, *, patience_seconds: float = 3.0) -> None:
        """Remember how to connect.

        Args:
            credentials: Whom to connect as, and where to.
            patience_seconds: How long passing trouble (a restart) is sat out.
        """
        self.credentials = credentials
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._session: Session | None = None

    def run(self, purpose: str, work: Callable[[Session], T]) -> T:
        """Do a piece of work, again from its start while the trouble is of the passing kind.

        Args:
            purpose: What the work is for, with the object's name; begins the text of a fault.
            work: Looks, decides and writes. It must bear being run twice: a lost connection does not tell
                whether the last command arrived.

        Returns:
            What the work returned.

        Raises:
            Fault: The server cannot be reached, refuses the admin or refuses a command.
        """
        pause = _FIRST_PAUSE_SECONDS
        with self._lock:
            deadline = time.monotonic() + self._patience_seconds
            while True:
                try:
                    return work(self._opened())
                except (OSError, Refusal) as error:
                    if isinstance(error, OSError):
                        self._forget()
                    passes = isinstance(error, OSError) or error.code in _PASSING
                    if not passes or time.monotonic() + pause > deadline:
                        raise self._fault(purpose, error) from None
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def close(self) -> None:
        """End the connection, if there is one; the next piece of work opens another."""
        with self._lock:
            self._forget()

    def _opened(self) -> Session:
        if self._session is None:
            it = self.credentials
            connection = socket.create_connection((it.host, it.port), timeout=_CONNECT_SECONDS)
            connection.settimeout(_REPLY_SECONDS)
            with ExitStack() as undo:
                session = Session(connection)
                undo.callback(session.close)
                if session.call("AUTH", it.user, it.password) != "OK":
                    raise ConnectionError("what answers there does not speak as Valkey does")
                undo.pop_all()
            self._session = session
        return self._session

    def _forget(self) -> None:
        if self._session is not None:
            with suppress(OSError):
                self._session.close()
            self._session = None

    def _fault(self, purpose: str, error: OSError | Refusal) -> Fault:
        it = self.credentials
        place = f"Valkey at {it.host}:{it.port}, as {it.user}"
        if isinstance(error, OSError):
            return Fault(
                f"{purpose}: the fleet's Valkey does not answer",
                detail=f"{place}: {error.strerror or error}.",
                remedy="Check that the server runs, and that host and port are right.",
            )
        if error.code in _REFUSED:
            return Fault(
                f"{purpose}: the fleet's Valkey refuses its admin",
                detail=f"{place}: {error.said}",
                remedy="Correct user or password in the admin credentials, or switch the user on.",
            )
        is_without_file = "not configured to use an ACL file" in error.said
        meaning, remedy = (
            _NO_ACL_FILE
            if is_without_file
            else _MEANINGS.get(error.code, ("Valkey refuses", "The server's own words above say why."))
        )
        return Fault(f"{purpose}: {meaning}", detail=f"{place}: {error.said}", remedy=remedy)


def _encoded(words: Command) -> bytes:
    parts = [str(word).encode("utf-8", "surrogateescape") for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _decoded(content: bytes) -> str:
    """Read bytes as text that gives the same bytes again: a customer's key may be anything."""
    return content.decode("utf-8", "surrogateescape")
