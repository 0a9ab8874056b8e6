"""A dispatcher and a worker as real processes, with a database and a queue of their own, and pages of metrics."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import redis

from platform_api.embedded.ports import DEFAULT_RANGE, HOST, port_pick
from platform_api.process.identity import ProcessIdentity, descendants
from tests.factories import Orders
from tests.people import People
from tests.promql import Page
from tests.waiting import wait_until

CHECKOUT = Path(__file__).parents[3]
TOKEN = "what-prometheus-brings"


@dataclass
class Program:
    """One process with a page of metrics."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    port: int
    log: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv, cwd=CHECKOUT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(lambda: self.is_over or self.is_open or b"no metrics on" in self.log.read_bytes(), seconds=60)
        assert not self.is_over, self.log.read_text()

    @property
    def is_over(self) -> bool:
        return self.process is None or self.process.poll() is not None

    @property
    def is_open(self) -> bool:
        try:
            return self.ask().status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def ask(self, *, path: str = "/metrics", brought: str = f"Bearer {TOKEN}", method: str = "GET") -> httpx.Response:
        """Ask as Prometheus does."""
        with httpx.Client(trust_env=False) as client:
            return client.request(
                method, f"http://{HOST}:{self.port}{path}", headers={"Authorization": brought}, timeout=10
            )

    @property
    def page(self) -> Page:
        return Page.of(self.ask().raise_for_status().text)

    def children(self) -> list[ProcessIdentity]:
        assert self.process is not None
        return descendants(self.process.pid)

    def kill(self) -> None:
        if self.process is not None:
            children = self.children()
            self.process.kill()
            self.process.wait()
            for child in children:
                child.send(signal.SIGKILL)


@pytest.fixture
def committed_orders(committed_people: People, tmp_path: Path) -> Orders:
    """Ordered resources in a database of the test's own, which the processes work on."""
    return Orders(committed_people, tmp_path)


Start = Callable[..., Program]


@pytest.fixture
def start(committing_database: str, committed_orders: Orders, tmp_path: Path) -> Iterator[Start]:
    """Start ``dispatcher`` or ``worker``, and return it when its page answers."""
    broker = os.environ["REDIS_URL"].rpartition("/")[0] + "/9"
    with redis.Redis.from_url(broker) as client:
        client.flushdb()
    started: list[Program] = []
    programs = {
        "dispatcher": (sys.executable, "manage.py", "run_dispatcher"),
        "worker": (sys.executable, "-m", "tests.integration.metrics.worker_program"),
    }

    def run(name: str, **settings: str) -> Program:
        port = port_pick(DEFAULT_RANGE, taken=[program.port for program in started])
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "platform_api.settings.test",
            "DATABASE_URL": os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + committing_database,
            "REDIS_URL": broker,
            "SLIPWAY_WORKER_SLOTS": "50",
            "SLIPWAY_WORKER_DIR": str(tmp_path / "worker"),
            "SLIPWAY_METRICS_DIR": str(tmp_path / "metrics"),
            "SLIPWAY_METRICS_TOKEN": TOKEN,
            f"SLIPWAY_{name.upper()}_METRICS_PORT": str(port),
            **settings,
        }
        program = Program(argv=programs[name], environment=environment, port=port, log=tmp_path / f"{name}.log")
        started.append(program)
        program.start()
        return program

    yield run
    for program in started:
        program.kill()
    with redis.Redis.from_url(broker) as client:
        client.flushdb()
