"""F3: the broker is flushed, frozen and gone; whoever orders does not notice, and what was accepted runs soon after."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from tests.faults.clients import Asked, Ledger, Person
from tests.faults.processes import within
from tests.faults.stage import WORKERS, Stage

PROJECT = "broker"
WAITING, SAMPLES = 50, 30
AWAY_SECONDS, START_SECONDS, SLOWER = 12.0, 5.0, 5.0
_END_SECONDS = 120.0


@dataclass
class Broker:
    """What is tried of it.

    Attributes:
        stage: With project `PROJECT`.
        ledger: Where asks are kept.
        failures: What did not come as it should.
    """

    stage: Stage
    ledger: Ledger
    failures: list[str]

    def __post_init__(self) -> None:
        self.person = Person(self.stage, PROJECT, self.ledger)
        self._number = 0

    def run(
        self, *, waiting: int = WAITING, samples: int = SAMPLES, away_seconds: float = AWAY_SECONDS
    ) -> dict[str, Any]:
        """Try all three, and return the figures."""
        flushed = self.flushed(waiting)
        healthy = self._figures(samples)
        frozen = self.away(self._frozen, "frozen", healthy["p50_ms"], samples, away_seconds)
        gone = self.away(self._gone, "gone", healthy["p50_ms"], samples, away_seconds)
        return {"flushed": flushed, "healthy": healthy, "frozen": frozen, "gone": gone}

    def flushed(self, waiting: int) -> dict[str, Any]:
        """Have so many requests wait, flush the broker, and see each of them finish once."""
        workers = [self.stage.running[f"worker-{number}"] for number in range(1, WORKERS + 1)]
        frozen = [process for worker in workers for process in worker.family() if process.send(signal.SIGSTOP)]
        asked = [self._order() for _ in range(waiting)]
        self.stage.redis().flushall()
        for process in frozen:
            process.send(signal.SIGCONT)
        began = time.monotonic()
        ends = [self.person.finish(each, seconds=_END_SECONDS) for each in asked]
        applied = self.stage.query(
            """
            SELECT run_id FROM kit_run JOIN run ON run.id = run_id JOIN project ON project.id = run.project_id
            WHERE new_status = 'applied' AND project.slug = %s
            """,
            PROJECT,
        )
        created = [
            entry for entry in self.stage.cloud.entries() if entry["effect"] == "create" and PROJECT in entry["name"]
        ]
        names = [(entry["kind"], entry["name"]) for entry in created]
        if ends.count("completed") != waiting or len(applied) != waiting or len(names) != len(set(names)):
            self.failures.append(
                f"flushed: {ends.count('completed')} of {waiting} completed, {len(applied)} applied, "
                f"{len(names) - len(set(names))} objects made twice"
            )
        return {"waiting": waiting, "completed": ends.count("completed"), "seconds": round(time.monotonic() - began, 1)}

    def away(
        self, how: Callable[[], Any], name: str, healthy_ms: float, samples: int, seconds: float
    ) -> dict[str, Any]:
        """Order while the broker is away, and see how soon runs start when it answers again."""
        self._rest()
        with how():
            began = time.monotonic()
            figures = self._figures(samples)
            asked = [self._order() for _ in range(WORKERS)]
            time.sleep(max(0.0, seconds - (time.monotonic() - began)))
        within(30, self._answers)
        answers_at = time.time()
        correlations = [each.correlation_id for each in self.ledger.asked[-samples - WORKERS :]]

        def started() -> list[float]:
            rows = self.stage.query(
                "SELECT extract(epoch FROM started_at)::float8 FROM run WHERE correlation_id = ANY(%s) "
                "AND started_at IS NOT NULL ORDER BY started_at LIMIT %s",
                correlations,
                WORKERS,
            )
            return [at for (at,) in rows]

        within(_END_SECONDS, lambda: len(started()) >= WORKERS, pause=0.1)
        figures["start_seconds"] = round(max(0.0, *(at - answers_at for at in started())), 2)
        ends = [self.person.finish(each, seconds=_END_SECONDS) for each in asked]
        if ends != ["completed"] * WORKERS:
            self.failures.append(f"{name}: ordered meanwhile, and ended as {ends}")
        if figures["p99_ms"] > SLOWER * healthy_ms:
            self.failures.append(f"{name}: p99 of POST {figures['p99_ms']} ms, the healthy p50 is {healthy_ms} ms")
        if figures["start_seconds"] > START_SECONDS:
            self.failures.append(f"{name}: as many as there are slots started after {figures['start_seconds']} s")
        return figures

    def _figures(self, samples: int) -> dict[str, float]:
        seconds = []
        for _ in range(samples):
            began = time.monotonic()
            self._order()
            seconds.append(time.monotonic() - began)
        seconds.sort()
        return {
            "p50_ms": round(seconds[len(seconds) // 2] * 1000, 1),
            "p99_ms": round(seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)] * 1000, 1),
        }

    def _rest(self) -> None:
        """Wait until nothing waits any more: it would stand before what is ordered next."""
        live = "SELECT FROM run WHERE status IN ('pending', 'planning', 'applying', 'recovering') LIMIT 1"
        within(_END_SECONDS, lambda: not self.stage.query(live), pause=0.2)

    def _order(self) -> Asked:
        self._number += 1
        asked = self.person.provision(f"b{self._number}")
        if not asked.is_accepted:
            self.failures.append(f"an order was not accepted: {asked.answers}")
        return asked

    def _answers(self) -> bool:
        try:
            client = self.stage.redis()
            is_there = bool(client.ping())
            client.close()
        except redis.RedisError:
            return False
        return is_there

    @contextmanager
    def _frozen(self) -> Iterator[None]:
        broker = self.stage.running["broker"]
        broker.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            broker.signal(signal.SIGCONT)

    @contextmanager
    def _gone(self) -> Iterator[None]:
        broker = self.stage.running["broker"]
        broker.hold()
        broker.signal(signal.SIGKILL)
        try:
            yield
        finally:
            broker.release()
