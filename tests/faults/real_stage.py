"""F4: the real Terraform and the fleet provider, in the middle of an apply; whoever takes part in it is killed once.

What an apply waits for is a lock on the fleet's catalog, so that it is in its middle for certain: the role is made, the
database is not.
"""

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platform_api.process.identity import ProcessIdentity, descendants
from platform_api.process.table import process_rows
from tests.faults.clients import Ledger, Person
from tests.faults.processes import within
from tests.faults.stage import Stage

PROJECT = "real"
TAG = b"SLIPWAY_RUN="
END_SECONDS = 90.0
_HELD_SECONDS = 1.0


@dataclass
class Real:
    """What is tried.

    Attributes:
        stage: With the real Terraform and project `PROJECT`.
        ledger: Where asks are kept.
        failures: What did not come as it should.
    """

    stage: Stage
    ledger: Ledger
    failures: list[str]

    def run(self, *victims: str) -> list[dict[str, Any]]:
        """Kill each of these in an apply of its own, and return the table of what became of it."""
        person = Person(self.stage, PROJECT, self.ledger)
        return [self._kill(person, victim) for victim in victims or tuple(VICTIMS)]

    def _kill(self, person: Person, victim: str) -> dict[str, Any]:
        name = victim.replace("_", "-")
        with self.stage.fleet() as fleet, fleet.transaction():
            fleet.execute("LOCK TABLE pg_database IN SHARE MODE")
            asked = person.provision(name)
            if not within(60, self._is_anyone_waiting):
                self.failures.append(f"{victim}: no apply came to its middle")
            killed = [process for process in VICTIMS[victim](self, person.run_of(asked)["id"]) if process is not None]
            hit = [process for process in killed if process.send(signal.SIGKILL)]
            began = time.monotonic()
            time.sleep(_HELD_SECONDS)
        status = person.finish(asked, seconds=END_SECONDS)
        seconds = time.monotonic() - began
        run = person.run_of(asked)
        left = self._tagged(run["id"])
        ((attempt, run_status, failure),) = self.stage.query(
            "SELECT run.attempt, run.status, run.failure FROM run JOIN provisioning_request AS request "
            "ON request.id = provisioning_request_id WHERE request.correlation_id = %s ORDER BY run.id DESC LIMIT 1",
            asked.correlation_id,
        )
        row = {
            "killed": victim,
            "request": status,
            "run": run_status,
            "attempts": attempt,
            "failure": failure and failure["code"],
            "objects_left": (failure or {}).get("objects_left", []),
            "seconds": round(seconds, 1),
            "processes_left": len(left),
        }
        self._judge(person, asked.resource_id, name, row, has_hit=bool(hit))
        return row

    def _judge(self, person: Person, resource_id: str, name: str, row: dict[str, Any], *, has_hit: bool) -> None:
        victim = row["killed"]
        if not has_hit:
            self.failures.append(f"{victim}: nobody was there to be killed")
        if row["request"] not in {"completed", "failed"}:
            self.failures.append(f"{victim}: the request is {row['request']}")
        if row["request"] == "failed" and not row["objects_left"]:
            self.failures.append(f"{victim}: failed in an apply, and tells of nothing that is left")
        if row["processes_left"]:
            self.failures.append(f"{victim}: {row['processes_left']} processes of the run are left")
        found = person.read(f"resources/{resource_id}")
        gone = person.deprovision(resource_id, name)
        row["given_back"] = person.finish(gone, seconds=END_SECONDS) if gone.is_accepted else str(gone.answers)
        ((physical_name,),) = self.stage.query(
            "SELECT physical_name FROM resource JOIN project ON project.id = project_id "
            "WHERE slug = %s AND resource.name = %s",
            PROJECT,
            name,
        )
        with self.stage.fleet() as fleet:
            there = fleet.execute(
                "SELECT rolname FROM pg_roles WHERE rolname = %s UNION ALL SELECT datname FROM pg_database "
                "WHERE datname = %s",
                [physical_name, physical_name],
            ).fetchall()
        row["left_on_server"] = len(there)
        if row["given_back"] != "completed" or there or found is None:
            self.failures.append(f"{victim}: given back as {row['given_back']}, {len(there)} objects are left")

    def _is_anyone_waiting(self) -> bool:
        with self.stage.fleet() as fleet:
            return fleet.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None

    def main_of(self, name: str) -> ProcessIdentity | None:
        """The main process of a part."""
        return ProcessIdentity.of(self.stage.running[name].pid)

    def pool_child(self, run_id: str) -> ProcessIdentity | None:
        """The process that carries out a run."""
        rows = self.stage.query(
            "SELECT lease_owner FROM run JOIN project ON project.id = project_id WHERE slug = %s AND "
            "lease_owner IS NOT NULL ORDER BY run.id DESC LIMIT 1",
            PROJECT,
        )
        return ProcessIdentity.of(int(rows[0][0].split(":")[1])) if rows and run_id else None

    def worker(self, run_id: str) -> ProcessIdentity | None:
        """The main process of the worker whose child carries out a run."""
        child = self.pool_child(run_id)
        rows = {row.pid: row for row in process_rows()}
        return ProcessIdentity.of(rows[child.pid].parent) if child is not None and child.pid in rows else None

    def terraform(self, run_id: str) -> ProcessIdentity | None:
        """The Terraform of a run."""
        child = self.pool_child(run_id)
        below = descendants(child.pid) if child is not None else []
        return next((each for each in below if _words(each.pid).partition(b"\0")[0].endswith(b"terraform")), None)

    def provider(self, run_id: str) -> ProcessIdentity | None:
        """The provider of a run: the zygote's newest fork."""
        child = self.pool_child(run_id)
        rows = process_rows()
        zygotes = {row.pid for row in rows if b"zygote" in _words(row.pid) and child and row.parent == child.pid}
        forks = [row for row in rows if row.parent in zygotes and not row.is_zombie]
        return ProcessIdentity.of_row(forks[-1]) if forks else None

    def _tagged(self, run_id: str) -> list[int]:
        """Processes that carry the run's tag; those that are just ending get their time."""
        wanted = TAG + run_id.encode()

        def found() -> list[int]:
            return [row.pid for row in process_rows() if not row.is_zombie and wanted in _environ(row.pid)]

        within(20, lambda: not found(), pause=0.2)
        return found()


VICTIMS: Mapping[str, Callable[[Real, str], list[ProcessIdentity | None]]] = {
    "worker": lambda real, run: [real.worker(run)],
    "pool_child": lambda real, run: [real.pool_child(run)],
    "worker_and_child": lambda real, run: [real.worker(run), real.pool_child(run)],
    "dispatcher": lambda real, _: [real.main_of("dispatcher-1"), real.main_of("dispatcher-2")],
    "api": lambda real, _: list(real.stage.running["api"].family()),
    "postgres": lambda real, _: [real.main_of("postgres")],
    "terraform": lambda real, run: [real.terraform(run)],
    "provider": lambda real, run: [real.provider(run)],
}
"""Who is killed, and how he is found."""


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _environ(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
