"""F5: the kit proves itself. Each seeded bug meets the faults that it is for, and has to be caught, by name.

The same faults without the bug come first: there nothing may be found.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.faults.checker import Checker
from tests.faults.clients import Asked, Ledger, Person
from tests.faults.mutants import MUTATIONS
from tests.faults.processes import within
from tests.faults.random_stage import quiet_seconds
from tests.faults.stage import WORKERS, Stage

PATIENCE_SECONDS, CONTROL_SECONDS, LANES = 12.0, 60.0, 3
POINTS = 6
"""What a project of a trial may hold."""


@dataclass
class Trial:
    """One bug's faults, in a project of its own."""

    stage: Stage
    person: Person

    def order(self, name: str) -> Asked:
        """Order a database."""
        return self.person.provision(name)

    def armed(self, name: str, point: str, action: str, **options: Any) -> tuple[Asked, int]:
        """Order a database whose worker comes to a point; the process that came to it, or 0."""
        correlation_id = f"{self.person.project}-{name}".ljust(12, "x")
        self.stage.arm(point, action, correlation_id=correlation_id, **options)
        asked = self.person.provision(name, correlation_id=correlation_id)
        return asked, self.hit(point, correlation_id)

    def hit(self, point: str, correlation_id: str) -> int:
        """Wait until a point is hit; the process, or 0."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [
                hit["pid"]
                for hit in self.stage.hits()
                if hit["point"] == point and hit["correlation_id"] == correlation_id
            ]
            return bool(found)

        return found[-1] if within(25, look) else 0


def _frozen_and_overtaken(trial: Trial) -> None:
    asked, pid = trial.armed("frozen", "worker.after_terraform", "stop")
    # Whoever takes over is held in its plan, so that the frozen one comes back while it works.
    trial.stage.arm("worker.in_plan", "delay", correlation_id=asked.correlation_id, seconds=4)
    trial.hit("worker.in_plan", asked.correlation_id)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    trial.person.finish(asked, seconds=15)


def _deaf_and_overtaken(trial: Trial) -> None:
    """Stall a worker while its Terraform goes on and its heartbeats are cut: states are seen, and told too late."""
    trial.stage.cloud.pace_set(step=0.3)
    trial.stage.arm("lease.heartbeat", "cut", times=40)
    asked, _ = trial.armed("deaf", "worker.in_apply", "delay", seconds=5)
    time.sleep(1.5)
    trial.stage.disarm("lease.heartbeat")
    trial.person.finish(asked, seconds=20)
    trial.stage.cloud.pace_set()


def _worker_lost(trial: Trial) -> None:
    trial.armed("lost", "worker.after_claim", "kill")


def _repeated(trial: Trial) -> None:
    for number in range(4):
        asked = trial.person.provision(f"again-{number}", doubled=True)
        trial.person.finish(asked, seconds=20)


def _greedy(trial: Trial) -> None:
    for number in range(POINTS + 2):
        trial.order(f"much-{number}")


def _crashed(trial: Trial) -> None:
    trial.stage.cloud.order("crash")
    trial.person.finish(trial.order("crashed"), seconds=20)


def _flushed(trial: Trial) -> None:
    workers = [trial.stage.running[f"worker-{number}"] for number in range(1, WORKERS + 1)]
    frozen = [process for worker in workers for process in worker.family() if process.send(signal.SIGSTOP)]
    for number in range(2):
        trial.order(f"waits-{number}")
    time.sleep(1.5)  # hints are in the broker by then, but for those that a frozen worker has
    trial.stage.redis().flushall()
    for process in frozen:
        process.send(signal.SIGKILL)


def _given_back_meanwhile(trial: Trial) -> None:
    asked, _ = trial.armed("brief", "worker.in_apply", "delay", seconds=1.5)
    trial.person.deprovision(asked.resource_id, "brief")


def _plain(trial: Trial) -> None:
    trial.person.finish(trial.order("plain"), seconds=20)


def _canceled_in_apply(trial: Trial) -> None:
    trial.stage.cloud.pace_set(step=1.2)
    asked, _ = trial.armed("canceled", "worker.after_state", "delay", seconds=0.1)
    if run := trial.person.run_of(asked):
        trial.person.cancel(run["id"])
    trial.person.finish(asked, seconds=20)
    trial.stage.cloud.pace_set()


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a bug has to meet.

    Attributes:
        faults: What is done.
        caught_by: Invariants of which one has to catch it.
        parts: Which processes have the bug.
    """

    faults: Callable[[Trial], None]
    caught_by: frozenset[str]
    parts: tuple[str, ...]


PROOFS: Mapping[str, Proof] = {
    "no-fence": Proof(faults=_frozen_and_overtaken, caught_by=frozenset({"I5"}), parts=("worker",)),
    "late-state": Proof(faults=_deaf_and_overtaken, caught_by=frozenset({"I5"}), parts=("worker",)),
    "no-reaper": Proof(faults=_worker_lost, caught_by=frozenset({"I1", "I8"}), parts=("dispatcher",)),
    "no-idempotency": Proof(faults=_repeated, caught_by=frozenset({"I4"}), parts=("api",)),
    "no-quota-guard": Proof(faults=_greedy, caught_by=frozenset({"I3"}), parts=("api",)),
    "blind-reapply": Proof(faults=_crashed, caught_by=frozenset({"I11"}), parts=("worker",)),
    "hinted-once": Proof(faults=_flushed, caught_by=frozenset({"I1", "I8"}), parts=("dispatcher",)),
    "delete-ignored": Proof(
        faults=_given_back_meanwhile, caught_by=frozenset({"I1"}), parts=("api", "dispatcher", "worker")
    ),
    "unaudited": Proof(faults=_plain, caught_by=frozenset({"I7"}), parts=("worker",)),
    "forgotten": Proof(faults=_canceled_in_apply, caught_by=frozenset({"I6"}), parts=("worker", "dispatcher")),
}


def projects() -> list[str]:
    """The projects that the stage has to have: two for each bug, with and without it."""
    return [f"{kind}-{name}={POINTS}" for name in PROOFS for kind in ("sound", "mutant")]


def prove(stage: Stage, *, names: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Try each bug, first without it, and return a row for each.

    Args:
        stage: With `projects`.
        names: Only these.
    """
    wanted = {name: proof for name, proof in PROOFS.items() if not names or name in names}
    sound = _without(stage, wanted)
    rows = []
    for name, proof in wanted.items():
        stage.mutate(name, *proof.parts)
        broken = _judged(stage, *_faulted(stage, f"mutant-{name}", proof), patience=PATIENCE_SECONDS)
        rows.append(
            {
                "mutant": name,
                "caught_by": broken,
                "expected": sorted(proof.caught_by),
                "is_caught": bool(proof.caught_by & set(broken)),
                "without_it": sound[name],
            }
        )
    return rows


def _without(stage: Stage, proofs: Mapping[str, Proof]) -> dict[str, list[str]]:
    """Do the same faults without any bug, several at a time, and return what is found: nothing."""
    with ThreadPoolExecutor(LANES) as pool:
        done = {name: pool.submit(_faulted, stage, f"sound-{name}", proof) for name, proof in proofs.items()}
    return {name: _judged(stage, *faulted.result(), patience=CONTROL_SECONDS) for name, faulted in done.items()}


def _faulted(stage: Stage, project: str, proof: Proof) -> tuple[str, Ledger]:
    ledger = Ledger()
    proof.faults(Trial(stage, Person(stage, project, ledger)))
    return project, ledger


def _judged(stage: Stage, project: str, ledger: Ledger, *, patience: float) -> list[str]:
    quiet_seconds(stage, since=time.monotonic(), patience=patience, project=project)
    return sorted({violation.invariant for violation in Checker(stage, ledger, (project,)).judge()})


if set(PROOFS) != set(MUTATIONS):
    raise RuntimeError("a bug without a proof, or a proof without a bug")
