"""A warm process of this worker that forks one fleet provider for each run.

Starting the provider anew for each Terraform command costs 90 ms a time; a fork costs 12 ms once a run. The
admin's credentials go through a socket into the forked process and nowhere else: not to disk, not into an
argument list, not into Terraform's environment.

Who holds what::

    worker ──control socket──▶ zygote ──fork──▶ provider ◀──Unix socket── terraform (TF_REATTACH_PROVIDERS)
       └────────────── lifeline pipe, written by nobody ────▲──────────────────┘

The provider leaves when both the worker and its last Terraform command have let go of the lifeline, so a
worker that dies does not take the provider from a Terraform that is finishing. The zygote leaves with its
worker. A killed zygote harms no provider, and the next request starts another.
"""

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fleet_provider.address import SOURCE
from fleet_provider.launcher import launch_command
from fleet_provider.serve import LONGEST_SOCKET_PATH
from platform_api.core.errors import UnavailableError

_START_SECONDS = 30.0  # the first start reads 50 MB of libraries; a busy machine takes its time
_END_SECONDS = 10.0
_ANSWER_BYTES = 64
_BROKEN = (ConnectionError, TimeoutError, EOFError)


class ProviderNotStartedError(UnavailableError):
    """The provider's process did not come up; nothing was changed anywhere."""

    code = "provider_not_started"
    title = "The Terraform provider did not start"
    remedy = "Try again. If it stays so, look at the provider's log in the run's folder and at the worker's log."


@dataclass(kw_only=True)
class ProviderHandle:
    """One run's provider; a context manager that lets go of it at the end."""

    pid: int
    """Its process id."""

    socket_path: Path
    """Where it listens: in the run's folder, or in a short private one if that path would be too long."""

    lifeline: int
    """Write end of the lifeline; belongs into ``pass_fds`` of each Terraform command."""

    _alive: int
    _private_folder: Path | None = field(default=None, repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What Terraform needs in its environment to find the provider; holds no secret."""
        reattach = {
            SOURCE: {
                "Protocol": "grpc",
                "ProtocolVersion": 6,
                "Pid": self.pid,
                "Test": True,  # else Terraform ends the provider after the first command
                "Addr": {"Network": "unix", "String": str(self.socket_path)},
            }
        }
        return {"TF_REATTACH_PROVIDERS": json.dumps(reattach)}

    def end(self, *, timeout_seconds: float = _END_SECONDS) -> bool:
        """Let go of the provider and wait until it is gone; a second call does nothing.

        Args:
            timeout_seconds: How long to wait. A Terraform command that still runs keeps the provider.

        Returns:
            Whether the provider is gone. If not, it leaves by itself with the last Terraform command.
        """
        if self.lifeline < 0:
            return True
        os.close(self.lifeline)
        self.lifeline = -1
        # The provider holds the other end while it lives and writes nothing more: readable means gone.
        is_gone = _is_readable(self._alive, timeout_seconds=timeout_seconds)
        os.close(self._alive)
        if is_gone and self._private_folder is not None:
            shutil.rmtree(self._private_folder, ignore_errors=True)
        return is_gone

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Zygote:
    """The zygote of one worker process; start it early, before the first run asks for a provider.

    Threads may share it. After a fork the child's copy starts a zygote of its own and leaves the parent's
    alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the zygote, None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the zygote unless it runs.

        Raises:
            ProviderNotStartedError: It did not come up.
        """
        with self._lock:
            self._ensure()

    def provider_start(self, run_folder: Path, credentials: Mapping[str, Any]) -> ProviderHandle:
        """Start a provider for one run.

        Args:
            run_folder: The run's private folder (0700). The provider's log goes to ``provider.log`` in it,
                and its socket too, unless the path would be longer than a socket's may be.
            credentials: Admin credentials as ``fleet_provider.credentials`` reads them; secret.

        Returns:
            The running provider, ready to be reached.

        Raises:
            ProviderNotStartedError: Neither this zygote nor a new one could start it.
            OSError: The run's folder is missing or cannot be written to.
        """
        with self._lock:
            try:
                self._ensure()
                return self._request(run_folder, credentials)
            except _BROKEN:
                # The zygote was killed since the last request. Providers that it forked go on without it.
                self._discard()
                self._ensure()
                try:
                    return self._request(run_folder, credentials)
                except _BROKEN as error:
                    self._discard()
                    raise ProviderNotStartedError(f"The zygote broke off: {type(error).__name__}.") from None

    def stop(self) -> None:
        """End the zygote; its providers stay until their lifelines end. A second call does nothing."""
        with self._lock:
            self._discard()

    def _ensure(self) -> None:
        if self._owner == os.getpid() and self._process is not None and self._process.poll() is None:
            return
        self._discard()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                launch_command(f"zygote({theirs.fileno()}, {os.getpid()})"),
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},  # nothing of the worker's, above all no secret
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._owner, self._control = os.getpid(), ours
        ours.settimeout(_START_SECONDS)
        try:
            self._line()
        except _BROKEN:
            self._discard()
            raise ProviderNotStartedError("The zygote did not come up; its words are in the worker's log.") from None

    def _request(self, run_folder: Path, credentials: Mapping[str, Any]) -> ProviderHandle:
        assert self._control is not None  # noqa: S101 - _ensure came first
        socket_path = run_folder / "provider.sock"
        private_folder = None
        if len(os.fsencode(socket_path)) > LONGEST_SOCKET_PATH:
            private_folder = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp"))
            socket_path = private_folder / "provider.sock"
        message = {
            "socket": str(socket_path),
            "private": private_folder is not None,
            "credentials": credentials,
        }
        with contextlib.ExitStack() as kept, contextlib.ExitStack() as given:
            if private_folder is not None:
                kept.callback(shutil.rmtree, private_folder, ignore_errors=True)
            lifeline_end, lifeline = os.pipe()
            alive, alive_end = os.pipe()
            for descriptor in (lifeline, alive):
                kept.callback(os.close, descriptor)
            for descriptor in (lifeline_end, alive_end):
                given.callback(os.close, descriptor)
            log = os.open(run_folder / "provider.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            given.callback(os.close, log)
            content = json.dumps(message).encode() + b"\n"
            sent = socket.send_fds(self._control, [content], [lifeline_end, alive_end, log])
            self._control.sendall(content[sent:])
            pid = int(self._line())
            given.close()  # only now is the end of "alive" the provider's end
            if not _is_readable(alive, timeout_seconds=_START_SECONDS) or os.read(alive, 1) != b"1":
                raise ProviderNotStartedError(f"Process {pid} did not begin to listen; see provider.log.")
            kept.pop_all()
        return ProviderHandle(
            pid=pid, socket_path=socket_path, lifeline=lifeline, _alive=alive, _private_folder=private_folder
        )

    def _line(self) -> bytes:
        """Read the zygote's answer, one line."""
        assert self._control is not None  # noqa: S101 - _ensure came first
        answer = b""
        while not answer.endswith(b"\n"):
            piece = self._control.recv(_ANSWER_BYTES)
            if not piece:
                raise EOFError
            answer += piece
        return answer

    def _discard(self) -> None:
        """Forget the zygote, ending it if it is this process's own; it leaves when the socket is closed."""
        is_own = self._owner == os.getpid()
        if self._control is not None:
            if is_own:
                with contextlib.suppress(OSError):
                    # Closing alone would not end it while a forked child of this worker holds a copy.
                    self._control.shutdown(socket.SHUT_RDWR)
            self._control.close()
        if self._process is not None and is_own:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._control = None


def _is_readable(descriptor: int, *, timeout_seconds: float) -> bool:
    """Wait until there is something to read, the end included; poll, for select ends at descriptor 1023."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout_seconds * 1000))
