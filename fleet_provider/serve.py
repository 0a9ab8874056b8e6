"""Two ways to run the provider; both serve the same classes.

``launched``: Terraform starts it from the mirror for each command, with TLS, and it reads the admin's
credentials from the file that ``SLIPWAY_FLEET_CREDENTIALS_FILE`` names. For people, ``terraform test`` and
the making of templates.

``zygote``: a warm process forks one provider for each run; Terraform reaches it by ``TF_REATTACH_PROVIDERS``.
The credentials come through the control socket, so Terraform, its environment and the disk never hold them.
The provider lives until the last holder of the lifeline pipe (the worker and each of its Terraform commands)
is gone.

In both, SIGINT is ignored: Terraform, to whom Ctrl-C is meant too, waits for what is in flight.
"""

import base64
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

from fleet_provider.address import CREDENTIALS_FILE_VARIABLE
from fleet_provider.credentials import Credentials
from fleet_provider.faults import log_place

_WARM = (
    "fleet_provider.provider",
    "psycopg.rows",
    "psycopg.sql",
    "tf.gen.grpc_controller_pb2_grpc",
    "tf.gen.grpc_stdio_pb2_grpc",
    # What gRPC and the resolver of host names import only when they are used: 15 ms of each run otherwise.
    "grpc._interceptor",
    "grpc._server",
    "encodings.idna",
)
"""Everything that a provider has imported by its end."""

LONGEST_SOCKET_PATH = 100
"""Bytes that the path of a Unix socket may have: Linux ends at 107, macOS at 103."""

_COOKIE = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
_THREADS = 10  # as many as Terraform walks in parallel by default
_GRACE_SECONDS = 180.0  # longer than any statement may take, so that what is in flight is finished
_MESSAGE_BYTES = 65536
_WATCH_SECONDS = 1.0


def launched() -> NoReturn:
    """Serve one Terraform command, started by Terraform itself; ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    if os.environ.get(_COOKIE[0]) != _COOKIE[1]:
        sys.exit("This is a Terraform provider. Terraform starts it; there is nothing to run by hand.")
    parent = os.getppid()
    folder = _socket_folder()
    ended = threading.Event()
    server = _server(lambda: Credentials.read_file(os.environ.get(CREDENTIALS_FILE_VARIABLE, "")), ended.set)
    path = folder / "s"
    certificate = _listen(server, path)
    server.start()
    sys.stdout.write(f"1|6|unix|{path}|grpc|{certificate}\n")
    sys.stdout.flush()
    threading.Thread(target=_set_when_gone, args=(parent, ended), daemon=True).start()
    ended.wait()
    server.stop(_GRACE_SECONDS).wait()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # the watching thread may be inside a system call for ever


def zygote(control: int, parent: int) -> NoReturn:
    """Fork a provider for each message until the worker is gone; ends the process.

    A message is one line of JSON (``socket``, ``private``, ``credentials``) with three descriptors: the
    lifeline's read end, the ready pipe's write end, and the log. The answer is the provider's process id as a
    line.

    Args:
        control: Descriptor of a connected stream socket.
        parent: Process id of the worker; when it is gone the zygote leaves, even if another child of the
            worker still holds the socket's other end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies; the worker learns of an end by the ready pipe
    _warm_up()
    worker = socket.socket(fileno=control)
    worker.sendall(b"up\n")
    while _is_readable(worker, parent):
        message, descriptors, *_ = socket.recv_fds(worker, _MESSAGE_BYTES, 3)
        while message and not message.endswith(b"\n"):
            message += worker.recv(_MESSAGE_BYTES)
        if not message:
            break
        pid = os.fork()
        if pid == 0:
            worker.close()
            _forked(message, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        worker.sendall(b"%d\n" % pid)
    os._exit(0)


def _forked(message: bytes, lifeline: int, ready: int, log: int) -> NoReturn:
    """Serve one run from a process of its own; never returns to the zygote's loop."""
    code = 70  # EX_SOFTWARE
    try:
        os.setsid()  # a Ctrl-C at Terraform's process group does not reach it
        os.umask(0o077)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        request = json.loads(message)
        path = Path(request["socket"])
        # gRPC's objects are made only after the fork: their threads would not survive it.
        server = _server(lambda: Credentials.read(request["credentials"]), lambda: None)
        server.add_insecure_port(f"unix:{path}")  # reached through the run's 0700 folder only
        server.start()
        os.write(ready, b"1")  # stays open: its end tells the worker that this process is gone
        os.read(lifeline, 1)
        server.stop(_GRACE_SECONDS).wait()
        path.unlink(missing_ok=True)
        if request["private"]:
            shutil.rmtree(path.parent, ignore_errors=True)
        code = 0
    except BaseException as error:  # noqa: BLE001 - nothing may run on into the zygote's code
        log_place("start", error)
    finally:
        os._exit(code)


def _server(credentials: Callable[[], Credentials], shutdown: Callable[[], None]) -> Any:
    """Return a gRPC server with the provider and what go-plugin asks for beside it.

    Args:
        credentials: Reads them when Terraform configures the provider.
        shutdown: Called when Terraform says that it needs this process no more.
    """
    import grpc
    from tf.gen import grpc_controller_pb2, grpc_controller_pb2_grpc, grpc_stdio_pb2_grpc, tfplugin_pb2_grpc

    from fleet_provider.provider import FleetProvider, FleetServicer

    class Controller(grpc_controller_pb2_grpc.GRPCControllerServicer):  # type: ignore[misc]  # tf ships no types
        def Shutdown(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
            shutdown()
            return grpc_controller_pb2.Empty()

    class Stdio(grpc_stdio_pb2_grpc.GRPCStdioServicer):  # type: ignore[misc]  # tf ships no types
        def StreamStdio(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
            return iter(())

    server = grpc.server(ThreadPoolExecutor(_THREADS))
    tfplugin_pb2_grpc.add_ProviderServicer_to_server(FleetServicer(FleetProvider(credentials)), server)
    grpc_controller_pb2_grpc.add_GRPCControllerServicer_to_server(Controller(), server)
    grpc_stdio_pb2_grpc.add_GRPCStdioServicer_to_server(Stdio(), server)
    return server


def _listen(server: Any, path: Path) -> str:
    """Open the socket, with TLS when Terraform asks for it; return the certificate for the handshake line.

    Terraform's own client certificate cannot be demanded: gRPC for Python refuses it. The socket's 0700
    folder keeps others out.
    """
    if not os.environ.get("PLUGIN_CLIENT_CERT"):
        server.add_insecure_port(f"unix:{path}")
        return ""
    import grpc

    from fleet_provider.certificates import certificate_make

    certificate = certificate_make()
    server.add_secure_port(
        f"unix:{path}",
        grpc.ssl_server_credentials([(certificate.key_pem, certificate.pem)], require_client_auth=False),
    )
    return base64.b64encode(certificate.der).decode().rstrip("=")


def _socket_folder() -> Path:
    """Make a private folder for the socket; passes over a long TMPDIR, for a socket's path must be short."""
    folder = Path(tempfile.mkdtemp(prefix="fleet-"))
    if len(os.fsencode(folder / "s")) <= LONGEST_SOCKET_PATH:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="fleet-", dir="/tmp"))


def _warm_up() -> None:
    """Import all that a provider needs, so that a fork has it for nothing; start no thread doing so."""
    for name in _WARM:
        importlib.import_module(name)
    gc.freeze()  # the collector would otherwise touch, and so copy, every page in each fork
    if sys.platform == "linux" and len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208 - names only, no paths
        sys.exit("fleet zygote: an import started a thread, and forking would not be safe")


def _is_readable(worker: socket.socket, parent: int) -> bool:
    """Wait for a message; False when the worker is gone."""
    while os.getppid() == parent:
        if select.select([worker], [], [], _WATCH_SECONDS)[0]:
            return True
    return False


def _set_when_gone(parent: int, ended: threading.Event) -> None:
    """Tell when the process that started this one is gone: a killed Terraform says no good-bye."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    ended.set()
