"""Breaks a stage at random, by a seed: who is killed, frozen, cut off, drowned or misled, when, and for how long.

A deck holds each kind of fault as often as it has to come; it is shuffled by the seed. What a fault began it also ends
(goes on, starts again, makes room), from a timer of its own, so that faults overlap.
"""

import contextlib
import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import redis

from platform_api.process.identity import ProcessIdentity
from platform_api.process.table import process_rows
from tests.faults.stage import DISPATCHERS, WORKERS, Stage
from tests.faults.terms import LEASE_SECONDS

EACH = 10
"""How often each kind comes at least."""

_LIMIT_BYTES = 2048
_JUMP_SECONDS = 3600


class Nemesis:
    """Breaks one stage.

    Attributes:
        faults: How often each kind of fault was done; only what found a victim counts.
        skipped: What found none, and came again later.
    """

    def __init__(self, stage: Stage, *, seed: int) -> None:
        self.stage = stage
        self.chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.faults: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.last_at = time.monotonic()
        self._undoings: list[threading.Timer] = []

    def run(self, *, each: int, pause: tuple[float, float], ends_at: float) -> None:
        """Do every kind of fault so often, one after the other, until all is done or time is up.

        Args:
            each: How often each kind comes.
            pause: Seconds between two faults, from and to.
            ends_at: When it ends at the latest, by the monotonic clock.
        """
        deck = [kind for kind in KINDS for _ in range(each)]
        self.chance.shuffle(deck)
        while deck and time.monotonic() < ends_at:
            kind = deck.pop()
            if KINDS[kind](self):
                self.faults[kind] += 1
                self.last_at = time.monotonic()
            else:
                self.skipped[kind] += 1
                deck.insert(max(0, len(deck) - self.chance.randint(1, 6)), kind)
            time.sleep(self.chance.uniform(*pause))
        self.rest()

    def rest(self) -> None:
        """Wait until all that was begun is undone."""
        for undoing in self._undoings:
            undoing.join()
        self.stage.clock_set(0)
        self.last_at = time.monotonic()

    # --- workers and what is below them

    def worker_kill(self) -> bool:
        """Kill a whole worker but for Terraform, which is left to find its end."""
        name = self._worker()
        return self._kill(name, self._pool(name))

    def pool_child_kill(self) -> bool:
        """Kill what carries out a run, and Terraform below it."""
        found = self._pool(self._worker())
        return self._kill("", [*self._below(found), *found])

    def worker_freeze(self) -> bool:
        """Freeze a worker with all that is below it, for up to two and a half leases."""
        name = self._worker()
        return self._freeze(self.stage.running[name].family(), self.chance.uniform(0.5, 2.5) * LEASE_SECONDS)

    def child_freeze(self) -> bool:
        """Freeze the process that carries out a run, and leave Terraform running."""
        return self._freeze(self._pool(self._worker()), self.chance.uniform(1.0, 2.5) * LEASE_SECONDS)

    def child_crash(self) -> bool:
        """Kill Terraform right after it has made something, before it says so."""
        return self._order("crash")

    def child_hang(self) -> bool:
        """Have Terraform say nothing any more; every other one does not listen either."""
        return self._order("deaf" if self.chance.random() < 0.3 else "hang")

    def disk_full(self) -> bool:
        """Let a worker, and Terraform below it, write files of two kilobytes at most; or Terraform none at all."""
        if self.chance.random() < 0.4:
            return self._order("enospc")
        victims = self._pool(self._worker())
        for victim in victims:
            _file_size(victim.pid, _LIMIT_BYTES)

        def make_room() -> None:
            for each in victims:
                _file_size(each.pid, None)

        self._later(self.chance.uniform(0.5, 1.5), make_room)
        return bool(victims)

    # --- the other processes

    def api_kill(self) -> bool:
        """Kill a process of the API, or all of it."""
        family = self.stage.running["api"].family()
        if not family:
            return False
        victim = self.chance.choice(family)
        return self._kill("api" if victim is family[0] else "", [victim])

    def dispatcher_kill(self) -> bool:
        """Kill one of the dispatchers."""
        name = f"dispatcher-{self.chance.randint(1, DISPATCHERS)}"
        return self._kill(name, [])

    def dispatcher_freeze(self) -> bool:
        """Freeze one of the dispatchers."""
        name = f"dispatcher-{self.chance.randint(1, DISPATCHERS)}"
        return self._freeze(self.stage.running[name].family(), self.chance.uniform(0.5, 2.5) * LEASE_SECONDS)

    # --- servers

    def postgres_fast(self) -> bool:
        """Restart the database, cutting off everybody."""
        return self._end("postgres", signal.SIGINT, 0)

    def postgres_immediate(self) -> bool:
        """Restart the database without a shutdown: it recovers from its log."""
        return self._end("postgres", signal.SIGQUIT, 0)

    def postgres_down(self) -> bool:
        """Take the database away for up to three seconds."""
        return self._end("postgres", signal.SIGINT, self.chance.uniform(0.5, 3))

    def broker_kill(self) -> bool:
        """Kill the broker; it starts again with what its log has."""
        return self._end("broker", signal.SIGKILL, 0)

    def broker_flush(self) -> bool:
        """Throw away all messages."""
        try:
            client = self.stage.redis()
            client.flushall()
            client.close()
        except redis.RedisError:
            return False
        return True

    def broker_freeze(self) -> bool:
        """Freeze the broker."""
        return self._freeze(self.stage.running["broker"].family(), self.chance.uniform(1, 4))

    def broker_absent(self) -> bool:
        """Take the broker away for some seconds."""
        return self._end("broker", signal.SIGKILL, self.chance.uniform(1, 4))

    # --- the clock

    def clock_jump(self) -> bool:
        """Let the wall clock of all processes jump by up to an hour, back or ahead."""
        self.stage.clock_set(self.chance.uniform(-_JUMP_SECONDS, _JUMP_SECONDS))
        return True

    # --- how

    def _worker(self) -> str:
        return f"worker-{self.chance.randint(1, WORKERS)}"

    def _pool(self, name: str) -> list[ProcessIdentity]:
        """The pool processes of a worker: children of its main process that are no zygote."""
        parent = self.stage.running[name].pid
        if not parent:
            return []
        return [
            ProcessIdentity.of_row(row)
            for row in process_rows()
            if row.parent == parent and not row.is_zombie and b"zygote" not in _words(row.pid)
        ]

    def _below(self, processes: list[ProcessIdentity]) -> list[ProcessIdentity]:
        parents = {process.pid for process in processes}
        found: list[ProcessIdentity] = []
        rows = process_rows()
        while fresh := [row for row in rows if row.parent in parents and row.pid not in parents]:
            parents |= {row.pid for row in fresh}
            found += [ProcessIdentity.of_row(row) for row in fresh if not row.is_zombie]
        return found

    def _kill(self, name: str, others: list[ProcessIdentity]) -> bool:
        killed = False
        if name:
            main = ProcessIdentity.of(self.stage.running[name].pid) if self.stage.running[name].pid else None
            killed = main is not None and main.send(signal.SIGKILL)
        for each in others:
            killed = each.send(signal.SIGKILL) or killed
        return killed

    def _freeze(self, processes: list[ProcessIdentity], seconds: float) -> bool:
        frozen = [process for process in processes if process.send(signal.SIGSTOP)]
        self._later(seconds, lambda: [process.send(signal.SIGCONT) for process in frozen])
        return bool(frozen)

    def _end(self, name: str, number: signal.Signals, seconds: float) -> bool:
        server = self.stage.running[name]
        if not server.pid:
            return False
        if seconds:
            server.hold()
            self._later(seconds, server.release)
        server.signal(number)
        return True

    def _order(self, fault: str) -> bool:
        """Order a fault of the next apply, and see that it takes place."""
        self.stage.cloud.order(fault)
        deadline = time.monotonic() + LEASE_SECONDS
        while (self.stage.cloud.orders / fault).exists():
            if time.monotonic() > deadline:
                return not self.stage.cloud.ordered(fault)
            time.sleep(0.02)
        return True

    def _later(self, seconds: float, undo: Callable[[], object]) -> None:
        self._undoings = [each for each in self._undoings if each.is_alive()]
        timer = threading.Timer(seconds, undo)
        timer.daemon = True
        timer.start()
        self._undoings.append(timer)


KINDS: Mapping[str, Callable[[Nemesis], bool]] = {
    kind.__name__: kind
    for kind in (
        Nemesis.worker_kill,
        Nemesis.pool_child_kill,
        Nemesis.worker_freeze,
        Nemesis.child_freeze,
        Nemesis.child_crash,
        Nemesis.child_hang,
        Nemesis.disk_full,
        Nemesis.api_kill,
        Nemesis.dispatcher_kill,
        Nemesis.dispatcher_freeze,
        Nemesis.postgres_fast,
        Nemesis.postgres_immediate,
        Nemesis.postgres_down,
        Nemesis.broker_kill,
        Nemesis.broker_flush,
        Nemesis.broker_freeze,
        Nemesis.broker_absent,
        Nemesis.clock_jump,
    )
}


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _file_size(pid: int, limit: int | None) -> None:
    """Set how large a file a process may write; None: as large as this process may."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        soft = resource.getrlimit(resource.RLIMIT_FSIZE)[0] if limit is None else limit
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def terraform_below(home: str) -> list[int]:
    """Return the processes that work in a stage's run folders: Terraform, real or scripted, and what stands between."""
    found = []
    for row in process_rows():
        with contextlib.suppress(OSError):
            if not row.is_zombie and os.readlink(f"/proc/{row.pid}/cwd").startswith(f"{home}/s/worker/runs"):  # noqa: PTH115
                found.append(row.pid)
    return found
