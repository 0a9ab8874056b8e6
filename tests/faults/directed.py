"""F1: a failpoint each for the 24 moments at which a process may end, stop or be overtaken, each of them several times.

A trial arms a point for one exchange, has somebody order something, sees the point hit, does what belongs to it (lets a
frozen process go on, restarts a server, cancels, gives back), and waits for an end. Three lanes work at a time.
"""

import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.clients import Asked, Ledger, Person
from tests.faults.processes import within
from tests.faults.stage import Stage
from tests.faults.terms import LEASE_SECONDS

HIT_SECONDS, END_SECONDS = 12.0, 40.0
_FREEZE_SECONDS = 1.8 * LEASE_SECONDS
_ENDS = frozenset({"completed", "failed", "canceled"})
Json = dict[str, Any]


@dataclass
class Lane:
    """One of those that try things at the same time, with a project of its own.

    Attributes:
        stage: What is tried.
        person: Who orders.
        number: Counts what was ordered.
        hits: How often each moment was hit.
        failures: What did not come as it should.
    """

    stage: Stage
    person: Person
    number: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _base: str = ""

    def base(self) -> str:
        """A resource of the lane's that is there, to be changed."""
        if not self._base:
            asked = self.order()
            self.person.finish(asked, seconds=END_SECONDS)
            self._base = asked.resource_id
        return self._base

    def order(self, correlation_id: str = "", **more: Any) -> Asked:
        """Order a database of a new name."""
        self.number += 1
        return self.person.provision(f"d{self.number}", correlation_id=correlation_id, **more)

    def hit(self, point: str, correlation_id: str) -> Json | None:
        """Wait until a point was hit for an exchange (or for any, where that is empty); None if it is not in time."""
        found: list[Json] = []

        def look() -> bool:
            found[:] = [
                hit
                for hit in self.stage.hits()[self._seen :]
                if hit["point"] == point and correlation_id in {"", hit["correlation_id"]}
            ]
            return bool(found)

        return found[0] if within(HIT_SECONDS, look) else None

    _seen: int = 0

    def mark(self) -> None:
        """Count hits from here on."""
        self._seen = len(self.stage.hits())


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One of the 24.

    Attributes:
        point: Which failpoint.
        actions: What happens there, in turn with each repeat.
        during: What is done when it was hit; gets the lane and what was asked for.
        asks: What somebody asks for, in the trial's exchange; by default a new database.
        options: More of the arm.
        is_unbound: Whether what passes there works for no exchange.
        before: Arms something else first.
    """

    point: str
    actions: tuple[str, ...] = ("kill", "stop", "kill")
    during: Callable[[Lane, Asked], None] | None = None
    asks: Callable[[Lane, str], Asked] = lambda lane, correlation_id: lane.order(correlation_id)
    options: Mapping[str, Any] = field(default_factory=dict)
    is_unbound: bool = False
    before: Callable[[Lane, str], None] | None = None


def tried(lane: Lane, name: str, moment: Moment, turn: int) -> None:
    """Try a moment once."""
    correlation_id, action = uuid.uuid4().hex, moment.actions[turn % len(moment.actions)]
    lane.mark()
    bound = {} if moment.is_unbound else {"correlation_id": correlation_id}
    if moment.before is not None:
        moment.before(lane, correlation_id)
    lane.stage.arm(moment.point, action, **bound, **moment.options)
    asked: list[Asked] = []
    asking = threading.Thread(target=lambda: asked.append(moment.asks(lane, correlation_id)))
    asking.start()
    hit = lane.hit(moment.point, bound.get("correlation_id", ""))
    if hit is None:
        lane.failures.append(f"{name} was not hit")
        lane.stage.disarm(moment.point, bound.get("correlation_id", ""))
    else:
        lane.hits[name] += 1
        if action == "stop":
            time.sleep(_FREEZE_SECONDS)
            _go_on(hit["pid"])
    if moment.during is not None and hit is not None:
        within(HIT_SECONDS, lambda: bool(asked))
        if asked:
            moment.during(lane, asked[0])
    asking.join()
    if not asked or not asked[0].is_accepted:
        lane.failures.append(f"{name}: nothing was accepted: {asked and asked[0].answers}")
    elif lane.person.finish(asked[0], seconds=END_SECONDS) not in _ENDS:
        lane.failures.append(f"{name}: {asked[0].request_id} has no end")


def directed(
    stage: Stage, ledger: Ledger, *, repeats: int, names: tuple[str, ...] = ()
) -> tuple[Counter[str], list[str]]:
    """Try all moments so often, in three lanes; return how often each was hit, and what went wrong.

    Args:
        stage: With projects `LANES`.
        ledger: Where asks are kept.
        repeats: How often each.
        names: Only these moments.
    """
    lanes = {project: Lane(stage, Person(stage, project, ledger)) for project in MOMENTS}

    def walk(project: str) -> None:
        lane = lanes[project]
        for turn in range(repeats):
            for name, moment in MOMENTS[project].items():
                if names and name not in names:
                    continue
                try:
                    tried(lane, name, moment, turn)
                except Exception as error:  # noqa: BLE001 - told with the result
                    lane.failures.append(f"{name}: {error!r}")

    threads = [threading.Thread(target=walk, args=(project,)) for project in MOMENTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hits: Counter[str] = Counter()
    failures = []
    for lane in lanes.values():
        hits.update(lane.hits)
        failures += lane.failures
    return hits, failures


def _go_on(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return


def _update(lane: Lane, correlation_id: str) -> Asked:
    lane.number += 1
    asked = lane.person.update(lane.base(), 1 + lane.number % 20, correlation_id=correlation_id)
    if asked is None:
        raise RuntimeError("the resource to change cannot be read")
    return asked


def _cancel(lane: Lane, asked: Asked) -> None:
    if run := lane.person.run_of(asked):
        lane.person.cancel(run["id"])


def _give_back(lane: Lane, asked: Asked) -> None:
    gone = lane.person.deprovision(asked.resource_id, f"d{lane.number}")
    if not gone.is_accepted:
        lane.failures.append(f"a deprovision was refused: {gone.answers}")
    elif lane.person.finish(gone, seconds=END_SECONDS) != "completed":
        lane.failures.append(f"the deprovision {gone.request_id} did not complete")


def _restart_postgres(lane: Lane, _: Asked) -> None:
    lane.stage.running["postgres"].signal(signal.SIGQUIT)


def _lose_a_worker(lane: Lane, correlation_id: str) -> None:
    lane.stage.arm("worker.after_claim", "kill", correlation_id=correlation_id)


def _slow(lane: Lane, _: str) -> None:
    lane.stage.cloud.pace_set(slow={f"_d{lane.number + 1}_": 1.5})


def _in_an_environment(lane: Lane, correlation_id: str) -> Asked:
    """Update a database in an environment that will expire meanwhile."""
    name = f"e{uuid.uuid4().hex[:8]}"
    body = {"reason": "faults are tried"}
    made = lane.person.call("PUT", f"projects/{lane.person.project}/environments/{name}", json=body)
    if not made.is_success:
        raise RuntimeError(made.text)
    first = lane.order(environment=name)
    lane.person.finish(first, seconds=END_SECONDS)
    asked = lane.person.update(first.resource_id, 7, correlation_id=correlation_id)
    if asked is None:
        raise RuntimeError("the resource to change cannot be read")
    return asked


def _expire(lane: Lane, asked: Asked) -> None:
    """Let the environment's time be over, and see that all in it goes."""
    found = lane.person.read(f"resources/{asked.resource_id}")
    if found is None:
        raise RuntimeError("the resource cannot be read")
    with lane.stage.connect() as control:
        control.execute(
            "UPDATE environment SET expires_at = clock_timestamp() WHERE name = %s", [found[1]["environment"]]
        )

    def is_gone() -> bool:
        now = lane.person.read(f"resources/{asked.resource_id}")
        return now is not None and now[1]["status"] == "deprovisioned"

    if not within(END_SECONDS, is_gone, pause=0.1):
        lane.failures.append(f"{asked.resource_id} outlives its environment")


_DELAY = ("delay",)

MOMENTS: Mapping[str, Mapping[str, Moment]] = {
    "left": {
        "API after insert": Moment(point="api.after_insert", actions=("kill",), asks=_update),
        "API after commit": Moment(point="api.after_commit", actions=("kill",)),
        "API before answer": Moment(point="api.before_answer", actions=("kill",)),
        "dispatcher after NOTIFY": Moment(point="dispatcher.after_notify", is_unbound=True),
        "delete in queued": Moment(
            point="dispatcher.after_notify",
            actions=_DELAY,
            options={"seconds": 0.9},
            is_unbound=True,
            during=_give_back,
        ),
        "worker after hint": Moment(point="worker.after_hint", is_unbound=True),
        "worker after claim": Moment(point="worker.after_claim"),
        "worker after prepare": Moment(point="worker.after_prepare"),
        "in plan": Moment(point="worker.in_plan"),
        "before the plan is stored": Moment(point="worker.before_plan_stored"),
    },
    "middle": {
        "before the first state": Moment(point="worker.in_apply"),
        "after a state": Moment(point="worker.after_state"),
        "between gate and apply": Moment(point="worker.between_gate_and_apply"),
        "cancel against confirm": Moment(
            point="worker.between_gate_and_apply", actions=_DELAY, options={"seconds": 0.7}, during=_cancel
        ),
        "delete in planning": Moment(
            point="worker.in_plan", actions=_DELAY, options={"seconds": 0.7}, during=_give_back
        ),
    },
    "right": {
        "after Terraform's end": Moment(point="worker.after_terraform"),
        "inside the finish": Moment(point="worker.in_finish"),
        "after the finish": Moment(point="worker.after_finish"),
        "heartbeat cut": Moment(
            point="lease.heartbeat", actions=("cut",), options={"times": 6}, is_unbound=True, before=_slow
        ),
        "database restart in the finish": Moment(
            point="worker.in_finish", actions=_DELAY, options={"seconds": 0.6}, during=_restart_postgres
        ),
        "reaper in its transaction": Moment(point="reaper.in_transaction", actions=("kill",), before=_lose_a_worker),
        "two reconcilers": Moment(
            point="reaper.in_transaction", actions=_DELAY, options={"seconds": 1.5}, before=_lose_a_worker
        ),
        "delete in applying": Moment(
            point="worker.in_apply", actions=_DELAY, options={"seconds": 0.7}, during=_give_back
        ),
        "expiry in an update": Moment(
            point="worker.in_apply",
            actions=_DELAY,
            options={"seconds": 0.7},
            asks=_in_an_environment,
            during=_expire,
        ),
    },
}
"""What is tried, by the project of the lane that tries it."""

LANES = tuple(MOMENTS)

SHORT = ("API after commit", "after a state", "inside the finish", "delete in applying", "reaper in its transaction")
"""What the short form tries: one of each kind."""


def names() -> list[str]:
    """Return all moments."""
    return [name for moments in MOMENTS.values() for name in moments]
