"""Waiting on the real server: threads and connections are few, and those who wait take neither from the others."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from platform_api.embedded.parts import API, PLAN
from tests.integration.provisioning.house import House, carry_out
from tests.integration.provisioning.waiters import requested
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


@pytest.fixture
def server(house: House, shared_policy_helper: PolicyHelper, tmp_path: Path) -> Iterator[Server]:
    """The server as the stack starts it, but for fewer processes and connections, and with the log of production."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{house.database}").geturl()
    port, log = free_port(), tmp_path / "server.log"
    environment = {
        **{name: os.environ[name] for name in ("PATH", "REDIS_URL", "SECRET_KEY", "SLIPWAY_SEALING_KEYS")},
        "DATABASE_URL": url,
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "SLIPWAY_POLICY_SOCKET": str(shared_policy_helper.socket),
        "SLIPWAY_DATABASE_POOL_SIZE": str(CONNECTIONS),
        "SLIPWAY_METRICS_TOKEN": METRICS_TOKEN,
        "SLIPWAY_METRICS_DIR": str(tmp_path / "metrics"),
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


def test_forty_who_wait_stop_nobody_and_are_all_answered(house: House, server: Server) -> None:
    resource, path = requested(house)
    token = house.owner.secret
    with ThreadPoolExecutor(40) as threads:
        calls = [threads.submit(server.get, f"{path}?wait=60", token=token) for _ in range(40)]
        until(lambda: server.figure("slipway_waiters") == SEATS)
        until(lambda: sum(call.done() for call in calls) == 40 - SEATS)
        turned_away = [call.result() for call in calls if call.done()]
        assert {(status, headers["retry-after"]) for status, headers, _ in turned_away} == {(200, "1")}

        with ThreadPoolExecutor(16) as others:  # eight times as many as there are connections
            seen = list(others.map(lambda _: server.get("/api/v1/resources", token=token)[0], range(200)))
        assert seen == [200] * 200
        assert server.figure("slipway_waiters") == SEATS  # they waited all the while

        carry_out(resource)
        finals = [call.result(PATIENCE_SECONDS) for call in calls]
    bodies = [json.loads(body)["status"] for _, _, body in finals]
    assert (bodies.count("completed"), bodies.count("fulfilling")) == (SEATS, 40 - SEATS)
    assert server.figure('slipway_waits_total{outcome="final"}') == SEATS
    assert server.figure('slipway_waits_total{outcome="full"}') == 40 - SEATS
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    told = [line for line in lines if line.get("route") == "/api/v1/requests/<str:request_id>"]
    assert len(told) == 40
    assert len({line["correlation_id"] for line in told}) == len({line["trace_id"] for line in told}) == 40
    assert token not in server.log.read_text()


def test_who_waits_is_answered_when_the_server_is_asked_to_end(house: House, server: Server) -> None:
    _, path = requested(house)
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(server.get, f"{path}?wait=60", token=house.owner.secret) for _ in range(4)]
        until(lambda: server.figure("slipway_waiters") == 4)
        server.process.send_signal(signal.SIGTERM)
        # Less than they would have waited for: they were sent away.
        assert {(call.result(PATIENCE_SECONDS)[0], call.result()[1]["retry-after"]) for call in calls} == {(200, "1")}
    assert server.process.wait(PATIENCE_SECONDS) == 0


def test_the_stack_starts_as_many_threads_as_the_settings_count_with() -> None:
    from django.conf import settings

    (api,) = (part for part in PLAN.parts if part.name == API)
    argv: tuple[Any, ...] = api.argv
    assert argv[argv.index("--blocking-threads") + 1] == str(settings.API_THREADS)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f'"--blocking-threads", "{settings.API_THREADS}"' in dockerfile
