"""A real server of the API in a process of its own, as the stack starts it, for tests of what only that shows."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.integration.provisioning.house import House
from tests.policies import PolicyHelper

ROOT = Path(__file__).resolve().parents[3]
THREADS, CONNECTIONS, SEATS = 64, 2, 32
METRICS_TOKEN = "what-prometheus-brings"
PATIENCE_SECONDS = 40


@dataclass(frozen=True)
class Server:
    """A running API, one process of it."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def get(self, path: str, *, token: str, seconds: float = PATIENCE_SECONDS) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode()
        finally:
            connection.close()

    def figure(self, name: str) -> float:
        """Return one figure of the metrics."""
        status, _, page = self.get("/metrics", token=METRICS_TOKEN)
        assert status == 200
        found = re.search(rf"^{re.escape(name)} (\S+)$", page, flags=re.MULTILINE)
        return float(found[1]) if found else 0.0


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(server: Server) -> bool:
    assert server.process.poll() is None, server.log.read_text()
    try:
        return server.get("/health/live", token="", seconds=5)[0] == 200
    except OSError:
        return False


@contextmanager
def serving(house: House, helper: PolicyHelper, tmp_path: Path, **settings: str) -> Iterator[Server]:
    """Start it, but for fewer processes and connections, and with the log of production."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{house.database}").geturl()
    port, log = free_port(), tmp_path / "server.log"
    environment = {
        **{name: os.environ[name] for name in ("PATH", "REDIS_URL", "SECRET_KEY", "SLIPWAY_SEALING_KEYS")},
        "DATABASE_URL": url,
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "SLIPWAY_POLICY_SOCKET": str(helper.socket),
        "SLIPWAY_DATABASE_POOL_SIZE": str(CONNECTIONS),
        "SLIPWAY_METRICS_TOKEN": METRICS_TOKEN,
        "SLIPWAY_METRICS_DIR": str(tmp_path / "metrics"),
        **settings,
    }
    (tmp_path / "server_settings.py").write_text(
        "from platform_api.settings.development import *\n"
        "from platform_api.settings.components.logs import logs\n"
        "LOGGING = logs(is_json=True, level='INFO')\n"
    )
    environment["DJANGO_SETTINGS_MODULE"] = "server_settings"
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "platform_api.wsgi:application", "--no-ws"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--blocking-threads", str(THREADS)]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=output, stderr=output)
    started = Server(port=port, log=log, process=process)
    try:
        until(lambda: answers(started))
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
