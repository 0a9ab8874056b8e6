"""The watchdog: owns the socket, keeps one evaluator alive, and does nothing that could fail besides.

1. Listen: socket 0600 in a folder 0700.
2. Fork an evaluator; it takes the connections itself, so that an ask costs no hop.
3. Wait for signals. An evaluator that died (its own alarm, a crash of the engine) is replaced at once, or after a
   second if it was younger than that. If the very first cannot use the policy set, the program ends. SIGHUP has the
   set loaded anew. SIGTERM and SIGINT end both.
"""

import logging
import os
import signal
import socket
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from governance.engine import wire
from governance.engine.evaluator import RELOAD, Evaluator
from governance.engine.policy_set import PolicySetError

logger = logging.getLogger(__name__)

SIGNALS = frozenset({signal.SIGCHLD, signal.SIGALRM, signal.SIGHUP, signal.SIGTERM, signal.SIGINT})
BACKLOG = 128
UNUSABLE_SET = 2
"""Exit status of an evaluator, and of the whole helper, whose policy set cannot be used."""

RETRY_SECONDS = 1.0


class SocketTakenError(Exception):
    """Another helper listens there, or others could reach the socket; says what to do."""


@dataclass(frozen=True, kw_only=True)
class _Child:
    pid: int
    control: socket.socket
    started: float


class Watchdog:
    """Keeps an evaluator on a socket.

    Args:
        path: The socket.
        folder: The policy set.
    """

    def __init__(self, *, path: Path, folder: Path) -> None:
        self._path, self._folder = path, folder

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT.

        Returns:
            Exit status: 0 when asked to end, 2 when the policy set could not be used from the start.

        Raises:
            SocketTakenError, wire.SocketPathError: The socket cannot be made.
        """
        signal.signal(
            signal.SIGCHLD, lambda *_: None
        )  # its default is to be thrown away, on some systems even if blocked
        # Before anybody can see the socket, and with it that there is somebody to signal.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._listener = _listen(self._path)
        try:
            return self._watch()
        finally:
            self._path.unlink(missing_ok=True)

    def _watch(self) -> int:
        child: _Child | None = self._fork()
        has_replaced = False
        while True:
            number = signal.sigwait(SIGNALS)
            if number in {signal.SIGTERM, signal.SIGINT}:
                if child is not None:
                    _end(child)
                return 0
            if child is None:
                child = self._fork() if number == signal.SIGALRM else None
            elif number == signal.SIGHUP:
                child.control.send(RELOAD)
            elif (status := _status(child)) is not None:
                if status == UNUSABLE_SET and not has_replaced:
                    return UNUSABLE_SET
                logger.error("the evaluator ended with %d; another takes over", status)
                has_replaced, child = True, self._successor(child)

    def _successor(self, dead: _Child) -> _Child | None:
        """Replace an evaluator; None, and an alarm for later, where it died so young that the next one might too."""
        if time.monotonic() - dead.started < RETRY_SECONDS:
            signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)
            return None
        return self._fork()

    def _fork(self) -> _Child:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._evaluate(theirs)
        theirs.close()
        return _Child(pid=pid, control=ours, started=time.monotonic())

    def _evaluate(self, control: socket.socket) -> NoReturn:
        """Be the evaluator; never returns into the watchdog's code."""
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # reloading is asked for through the pipe
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            Evaluator(listener=self._listener, control=control, folder=self._folder).run()
            status = 0
        except PolicySetError as error:
            logger.error("%s", error)  # noqa: TRY400 - the text says where; no traceback
            status = UNUSABLE_SET
        except BaseException:
            logger.exception("the evaluator failed")
        finally:
            os._exit(status)


def _listen(path: Path) -> socket.socket:
    address = wire.address(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.parent.stat().st_mode) & 0o077:
        raise SocketTakenError(f"Others may enter {path.parent}; make it private with: chmod 700 {path.parent}")
    if path.exists() and _is_answered(address):
        raise SocketTakenError(f"Another helper listens on {path}; end it first, or use another socket.")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    try:
        listener.bind(address)
    finally:
        os.umask(umask)
    listener.listen(BACKLOG)
    listener.settimeout(0)
    return listener


def _is_answered(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(address) == 0


def _status(child: _Child) -> int | None:
    """Return how the child ended (a signal as a negative number), or None where it lives."""
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid == 0:
        return None
    child.control.close()
    return os.waitstatus_to_exitcode(status)


def _end(child: _Child) -> None:
    os.kill(child.pid, signal.SIGKILL)  # it has nothing to put in order, and the engine may not be listening
    os.waitpid(child.pid, 0)
