"""The product on a stage of its own: its real processes, each of which can be killed, frozen, cut off and held down.

Real: API on granian, two dispatchers, three Celery workers, the policy helper, PostgreSQL, Valkey. Terraform is
scripted (`tests.faults.scripted`) unless the stage is asked for the real one, which then has a fleet server to work on.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from platform_api.core.failpoints import HITS, VARIABLE, Arm
from platform_api.core.sealing import KeyRing
from platform_api.embedded.environment import application_environment, environment_write
from platform_api.embedded.folder import CHECKOUT, StateFolder
from platform_api.embedded.ports import DEFAULT_RANGE, HOST, port_pick
from platform_api.embedded.privileges import copy_home
from platform_api.embedded.ready import http_answers, socket_answers
from platform_api.embedded.server import Server
from platform_api.embedded.servers import ServerName, servers_build, servers_start
from platform_api.embedded.traces import marked_processes
from platform_api.process.children import Child, child_start
from platform_api.process.commands import Command
from platform_api.process.identity import processes_end
from platform_api.process.ladders import Ladder, Step
from tests.faults import terms, watching
from tests.faults.processes import Keeper, Running, within
from tests.faults.scripted.cloud import Cloud

DISPATCHERS, WORKERS = 2, 3
PROJECT_POINTS = 60
_READY_SECONDS = 90
_TERRAFORM = """#!{python} -SE
import sys
sys.path.insert(0, {checkout!r})
from tests.faults.scripted.program import main
sys.exit(main({cloud!r}, {failpoints!r}))
"""
_WORKER: Ladder = (Step(signal=signal.SIGTERM, seconds=5), Step(signal=signal.SIGQUIT, seconds=3))
Connection = psycopg.Connection[tuple[Any, ...]]
Json = dict[str, Any]


class Stage:
    """A running product.

    Attributes:
        home: A short path of its own, gone afterwards.
        cloud: What the scripted Terraform works on.
        failpoints: The folder of all processes' points.
        running: All processes by name: ``api``, ``policy``, ``dispatcher-1``…, ``worker-1``…, ``postgres``, ``broker``.
        tokens: A developer's token by project.
    """

    def __init__(self, home: Path, *, is_real: bool) -> None:
        self.home, self.is_real = home, is_real
        self.folder = StateFolder(home / "s")
        self.cloud = Cloud(home / "cloud")
        self.failpoints = home / "fp"
        self.name = f"faults-{secrets.token_hex(6)}"
        self.running: dict[str, Running] = {}
        self.tokens: dict[str, str] = {}
        self.api_port = port_pick(DEFAULT_RANGE)
        self._mutants: dict[str, str] = {}
        self.environ = self._environ()
        self._servers: dict[str, Server] = {}
        self._entries: dict[str, str] = {}
        self._keeper = Keeper([])
        self._control = threading.local()
        self._afterwards = ExitStack()

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return f"http://{HOST}:{self.api_port}"

    def up(self, *projects: str) -> None:
        """Start everything, and make projects with a developer each."""
        self.folder.make()
        self.cloud.make()
        self.failpoints.mkdir()
        (self.failpoints / HITS).touch()
        self._start_servers()
        self._entries = environment_write(
            self.folder,
            urls={name: url for server in self._servers.values() for name, url in server.urls().items()},
            api_url=self.api_url,
            environ=self.environ,
        )
        for name, argv, ladder in self._parts():
            self.running[name] = Running(name, self._starter(name, argv), ladder=ladder)
        modules = self._modules()
        self.running["policy"].start()  # those that need a database wait for its tables
        told = self._run(sys.executable, "-m", "tests.faults.furnish", modules, *projects, is_owner=True)
        self.tokens = json.loads(told.splitlines()[-1])
        with self.connect() as control:
            watching.install(control)
        for running in self.running.values():
            if running.child is None:
                running.start()
        policy = str(self.folder.path / "run" / "policy.sock")
        if not within(_READY_SECONDS, lambda: socket_answers(policy) and http_answers(self.api_url, "/health/ready")):
            raise RuntimeError(self._said("api"))
        if not within(_READY_SECONDS, lambda: all(self._is_worker_ready(number) for number in range(1, WORKERS + 1))):
            raise RuntimeError(self._said("worker-1"))
        self._keeper = Keeper(list(self.running.values()))
        self._keeper.start()

    def down(self) -> None:
        """End everything, and remove all files."""
        self._afterwards.close()
        self._keeper.stop()
        for name in reversed(self.running):  # servers were started first
            self.running[name].end()
        processes_end(marked_processes(self.name), ())
        shutil.rmtree(copy_home(self.name), ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def afterwards(self, close: Callable[[], object]) -> None:
        """Have something that holds on to the stage let go of it when it ends."""
        self._afterwards.callback(close)

    def manage(self, *words: str) -> str:
        """Run a management command as the owner of the tables."""
        return self._run(sys.executable, "manage.py", *words, is_owner=True)

    def mutate(self, mutant: str, *parts: str) -> None:
        """Start kinds of parts anew with a bug, and those that have another one without."""
        anew = {*self._mutants, *parts}
        self._mutants = dict.fromkeys(parts, mutant)
        changed = {name: running for name, running in self.running.items() if name.partition("-")[0] in anew}
        marks = {name: len(self.log(name)) for name in changed}
        for running in changed.values():
            running.hold()
            for process in reversed(running.family()):
                process.send(signal.SIGKILL)
            running.release()
        within(_READY_SECONDS, lambda: all(running.pid for running in changed.values()))
        workers = [name for name in changed if name.startswith("worker")]
        within(_READY_SECONDS, lambda: all(" ready." in self.log(name)[marks[name] :] for name in workers))
        within(_READY_SECONDS, lambda: http_answers(self.api_url, "/health/ready"))

    def connect(self) -> Connection:
        """Connect to Slipway's database as the owner of its tables; it may be down."""
        url = self._secret("DATABASE_OWNER_URL")
        return psycopg.connect(url, autocommit=True, connect_timeout=3, options="-c slipway.scope=all")

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database; tried again for a while, since it may just be restarting."""
        last: psycopg.Error | None = None
        for _ in range(100):
            try:
                with self.connect() as control:
                    return control.execute(sql.encode(), values).fetchall()
            except psycopg.OperationalError as error:
                last = error
                threading.Event().wait(0.1)
        raise RuntimeError(str(last))

    def fleet(self) -> Connection:
        """Connect to the fleet's server as its superuser; with the real Terraform only."""
        server = self._servers["fleet-postgres"]
        return psycopg.connect(server.superuser_url(), autocommit=True)  # type: ignore[attr-defined]  # a PostgresServer

    def redis(self) -> "redis.Redis":
        """Return a client of the broker."""
        return redis.Redis.from_url(self._secret("REDIS_URL"), socket_timeout=2, socket_connect_timeout=2)

    def keys(self) -> KeyRing:
        """Return the installation's sealing keys."""
        return KeyRing.from_text(self._secret("SLIPWAY_SEALING_KEYS"))

    def arm(self, point: str, action: str, **options: Any) -> None:
        """Arm a failpoint."""
        Arm(action=action, **options).write(self.failpoints, point)

    def disarm(self, point: str, correlation_id: str = "") -> None:
        """Take an arm away."""
        name = f"{point}@{correlation_id}" if correlation_id else point
        (self.failpoints / "armed" / name).unlink(missing_ok=True)

    def hits(self) -> list[Json]:
        """Return what was done at failpoints so far."""
        text = (self.failpoints / HITS).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def clock_set(self, seconds: float) -> None:
        """Let the wall clock of all processes be wrong from now on."""
        fresh = self.failpoints / ".clock"
        fresh.write_text(str(seconds), encoding="ascii")
        fresh.replace(self.failpoints / "clock")

    def keep(self, target: Path) -> None:
        """Keep what tells how it came: logs, hits, the cloud's journal, and the rows that a judge looks at."""
        target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.folder.path / "logs", target / "logs", dirs_exist_ok=True)
        for file in (self.cloud.journal, self.failpoints / HITS):
            shutil.copy(file, target)
        for name in ("run", "resource", "kit_run", "kit_fault", "audit_event", "log_line"):
            rows = self.query(f"SELECT to_jsonb({name})::text FROM {name}")
            (target / f"{name}.jsonl").write_text("\n".join(row for (row,) in rows), encoding="utf-8")

    def log(self, name: str) -> str:
        """Return a part's output so far."""
        file = self.folder.log(name)
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def _environ(self) -> dict[str, str]:
        many = "1000000"
        rates = {f"SLIPWAY_RATE_{kind}": many for kind in ("READ", "READ_BURST", "WRITE", "WRITE_BURST")}
        scopes = ("PROJECT", "TEAM")
        quotas = {f"SLIPWAY_QUOTA_{scope}_{kind}": "1000" for scope in scopes for kind in ("POINTS", "COUNT")}
        away = {
            "FLEET_DATABASE_URL": "postgresql://fleet_admin:unused@127.0.0.1:1/postgres",
            "TERRAFORM_BIN": str(self.home / "bin" / "terraform"),
        }
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "SLIPWAY_STATE_DIR": str(self.folder.path),
            "SLIPWAY_LEASE_SECONDS": str(terms.LEASE_SECONDS),
            "SLIPWAY_VERIFY_SECONDS": str(terms.VERIFY_SECONDS),
            "SLIPWAY_WORKER_SLOTS": str(WORKERS),
            "FLEET_VALKEY_URL": "redis://fleet_admin:unused@127.0.0.1:1/0",
            VARIABLE: str(self.failpoints),
            **({"SLIPWAY_FAULT_REAL": "1"} if self.is_real else away),
            **rates,
            **quotas,
        }

    def _start_servers(self) -> None:
        names = [ServerName.CONTROL_POSTGRES, ServerName.BROKER]
        if self.is_real:
            names.append(ServerName.FLEET_POSTGRES)
        built = servers_build(names, folder=self.folder, stack=self.name, kept_ports={}, environ=self.environ)
        children: dict[str, Child] = {}
        try:
            servers_start(built, children=children)
        finally:
            for server in built:
                name = "postgres" if server.name == ServerName.CONTROL_POSTGRES else str(server.name)
                self._servers[name] = server
                self.running[name] = Running(name, self._server_starter(server), ladder=server.ladder)
                self.running[name].child = children.get(server.name)

    def _server_starter(self, server: Server) -> Any:
        def start() -> Child:
            server.prepare()
            return child_start(server.command())

        return start

    def _modules(self) -> str:
        """Return the module to publish: as it is, or with deadlines as short as the stage's leases."""
        source = CHECKOUT / "terraform_modules" / "postgres-database"
        if self.is_real:
            return str(source)
        copy = self.home / "modules" / "postgres-database"
        shutil.copytree(source, copy)
        manifest = copy / "offering.yaml"
        text = manifest.read_text(encoding="utf-8")
        short = text.replace("plan_seconds: 120", "plan_seconds: 8").replace("apply_seconds: 600", "apply_seconds: 8")
        manifest.write_text(short, encoding="utf-8")
        program = self.home / "bin" / "terraform"
        program.parent.mkdir()
        script = _TERRAFORM.format(
            python=sys.executable,
            checkout=str(CHECKOUT),
            cloud=str(self.cloud.folder),
            failpoints=str(self.failpoints),
        )
        program.write_text(script, encoding="utf-8")
        program.chmod(0o755)
        return str(copy)

    def _parts(self) -> Iterator[tuple[str, tuple[str, ...], Ladder]]:
        polite: Ladder = (Step(signal=signal.SIGTERM, seconds=5),)
        policy = str(self.folder.path / "run" / "policy.sock")
        yield (
            "policy",
            (sys.executable, "-m", "governance.engine", "--socket", policy, "--policies", "policies"),
            polite,
        )
        granian = (sys.executable, "-m", "granian", "--interface", "wsgi", "platform_api.wsgi:application")
        served = ("--host", HOST, "--port", str(self.api_port), "--workers", "2", "--blocking-threads", "32")
        yield "api", (*granian, *served, "--no-ws", "--respawn-failed-workers", "--respawn-interval", "0.2"), polite
        for number in range(1, DISPATCHERS + 1):
            yield f"dispatcher-{number}", (sys.executable, "manage.py", "run_dispatcher"), polite
        celery = (sys.executable, "-m", "celery", "-A", "platform_api.celery", "worker", "--loglevel", "INFO")
        for number in range(1, WORKERS + 1):
            alone = ("--concurrency", "1", "--without-gossip", "--without-mingle", "-n", f"w{number}@%h")
            yield f"worker-{number}", (*celery, *alone), _WORKER

    def _is_worker_ready(self, number: int) -> bool:
        return " ready." in self.log(f"worker-{number}")

    def _starter(self, name: str, argv: Sequence[str]) -> Any:
        def start() -> Child:
            return child_start(
                Command(
                    argv=tuple(argv),
                    cwd=CHECKOUT,
                    environment={
                        **self._environment(is_owner=False),
                        "SLIPWAY_PROCESS_NAME": name,
                        "SLIPWAY_FAULT_MUTANT": self._mutants.get(name.partition("-")[0], ""),
                    },
                    output=self.folder.log(name),
                )
            )

        return start

    def _environment(self, *, is_owner: bool) -> dict[str, str]:
        return application_environment(
            self.environ, entries=self._entries, folder=self.folder, stack=self.name, is_owner=is_owner
        )

    def _run(self, *argv: str, is_owner: bool = False) -> str:
        answer = subprocess.run(
            argv,
            cwd=CHECKOUT,
            env={**self._environment(is_owner=is_owner), "SLIPWAY_ROW_SCOPE": "all"},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if answer.returncode:
            raise RuntimeError(f"{' '.join(argv[1:])}\n{answer.stdout}{answer.stderr}")
        return answer.stdout

    def _secret(self, name: str) -> str:
        return Path(self._entries[f"{name}_FILE"]).read_text(encoding="utf-8").strip()

    def _said(self, name: str) -> str:
        return f"{name} is not ready:\n{self.log(name)[-3000:]}"


@contextmanager
def stage_running(*projects: str, is_real: bool = False) -> Iterator[Stage]:
    """Run the product on a stage; nothing of it is left afterwards.

    Args:
        projects: What is made before anybody calls; ``NAME=POINTS`` limits what one may hold.
        is_real: Whether Terraform is the real one, with a fleet server.
    """
    stage = Stage(Path(tempfile.mkdtemp(prefix="slf-")), is_real=is_real)
    try:
        stage.up(*projects)
        yield stage
    finally:
        stage.down()


def port_answers(port: int) -> bool:
    """Tell whether somebody takes calls on a port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
