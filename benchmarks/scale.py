"""``make bench NAME=scale``: what claims, hints, heartbeats and the reconciler cost beside a million finished runs.

Each ratio is the median of pairs that were measured in turns in this run. Docs: docs/benchmarks.md.
"""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import psycopg
import redis

from benchmarks.crowd import Crowd, crowd_make
from benchmarks.figures import cpu_ms, load_average, report, say
from benchmarks.rounds import IS_SHORT
from benchmarks.stack import Json, Stack, stack_run
from platform_api.embedded.folder import CHECKOUT

LIVE, FINISHED = (2_000, 2_000) if IS_SHORT else (20_000, 1_000_000)
CLAIMERS, CLAIM_PAIRS, CLAIM_SECONDS = (2, 1, 0.2) if IS_SHORT else (8, 7, 2.0)
FEW, MANY, LAG_PAIRS, LAGS = (10, 100, 1, 10) if IS_SHORT else (10, 10_000, 5, 200)
LEASED, BEAT_ROUNDS, BEAT_SECONDS, BEAT_INTERVAL = (50, 1, 1.0, 15.0) if IS_SHORT else (1_000, 3, 15.0, 15.0)
"""As many runs as are worked on, and how often each worker says that it lives: a quarter of the usual lease."""
PASSES = 3 if IS_SHORT else 20
WORKERS, TINY = (2, 4) if IS_SHORT else (4, 200)
SLOTS = f"default=2,lag=1,scripted={WORKERS}"
_SCRIPTED = {"SLIPWAY_WORKER_POOLS": "scripted", "SLIPWAY_LOG_LEVEL": "WARNING", "PYTHONWARNINGS": "ignore"}
_FINAL = "'applied', 'planned_and_finished', 'errored', 'canceled'"


def main() -> None:
    """Measure, and print one line of JSON."""
    load_before = load_average()
    with stack_run(SLIPWAY_WORKER_SLOTS=SLOTS) as stack:
        request = stack.order("template")
        stack.wait(request)
        few = _passes(stack)
        figures = {**_tiny(stack)}
        say(f"making {LIVE} live and {FINISHED} finished runs")
        crowd = crowd_make(stack.superuser_url(), live=LIVE, finished=FINISHED)
        leased = crowd.lease("busy", count=LEASED)
        figures |= {
            **_claims(stack, crowd),
            **_lags(stack, crowd),
            **_heartbeats(stack, leased),
            **_passes(stack),
            **{f"{name}_few": value for name, value in few.items()},
        }
        crowd.control.close()
    sizes = {"live": LIVE, "finished": FINISHED}
    report("scale", {**figures, **sizes, "load_before": load_before, "load_after": load_average()})


@dataclass(frozen=True, kw_only=True)
class Claimers:
    """Processes that claim when they are told to."""

    processes: Sequence["subprocess.Popen[str]"]

    def rate(self, seconds: float) -> float:
        """Return how many they claim together in a second."""
        for process in self.processes:
            _say_to(process, f"{seconds}\n")
        counts = []
        for process in self.processes:
            count, left = _line_of(process).split()
            if float(left) > 0:
                raise RuntimeError("the queue was empty before the round was over")
            counts.append(int(count))
        return sum(counts) / seconds


@contextmanager
def _module(stack: Stack, module: str, *arguments: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a module of the benchmark beside the stack, with the stack's settings."""
    with subprocess.Popen(
        (sys.executable, "-m", module, *arguments),
        cwd=CHECKOUT,
        env={**stack.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _say_to(process: "subprocess.Popen[str]", text: str) -> None:
    if process.stdin is None:
        raise TypeError("it was started with a pipe")
    process.stdin.write(text)
    process.stdin.flush()


def _line_of(process: "subprocess.Popen[str]") -> str:
    if process.stdout is None:
        raise TypeError("it was started with a pipe")
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a part of the benchmark ended; what it says stands above")
    return line


def _claims(stack: Stack, crowd: Crowd) -> dict[str, Any]:
    """Let eight processes claim in the product's way, then eight in the barest."""
    crowd.pool_fill("claims", count=LIVE - LEASED)
    rates: dict[str, list[float]] = {"product": [], "bare": []}
    with ExitStack() as held:
        ways = {
            way: Claimers(
                processes=[
                    held.enter_context(_module(stack, "benchmarks.claimer", way, "claims")) for _ in range(CLAIMERS)
                ]
            )
            for way in rates
        }
        for claimers in ways.values():
            for process in claimers.processes:
                _line_of(process)
            claimers.rate(CLAIM_SECONDS / 4)
            crowd.unclaim("claims")
        for number in range(CLAIM_PAIRS):
            say(f"claims: {number + 1} of {CLAIM_PAIRS}")
            for way, claimers in ways.items():
                rates[way].append(claimers.rate(CLAIM_SECONDS))
                crowd.unclaim("claims")
    crowd.pool_fill("claims", count=0)
    pairs = zip(rates["product"], rates["bare"], strict=True)
    return {
        "claim_ratio": round(median(ours / theirs for ours, theirs in pairs), 3),
        "claims_per_s": round(median(rates["product"])),
        "bare_claims_per_s": round(median(rates["bare"])),
    }


def _lags(stack: Stack, crowd: Crowd) -> dict[str, Any]:
    """Compare how long a slot that was given back stays empty while many wait with while few do."""
    lags: dict[int, list[float]] = {FEW: [], MANY: []}
    middles: dict[int, list[float]] = {FEW: [], MANY: []}
    with stack.control() as control, redis.Redis.from_url(stack.setting("REDIS_URL"), socket_timeout=60) as broker:
        for number in range(LAG_PAIRS):
            for waiting in (FEW, MANY):
                say(f"dispatcher lag: {number + 1} of {LAG_PAIRS}, {waiting} waiting")
                crowd.pool_fill("lag", count=0)
                broker.delete("runs.lag")
                crowd.pool_fill("lag", count=waiting)
                seconds = list(_lag_seconds(control, broker, LAGS))
                lags[waiting].append(quantiles(seconds, n=100)[98] * 1000)
                middles[waiting].append(median(seconds) * 1000)
    crowd.pool_fill("lag", count=0)
    pairs = zip(lags[MANY], lags[FEW], strict=True)
    return {
        "lag_ratio": round(median(many / few for many, few in pairs), 3),
        "lag_p99_ms": round(median(lags[MANY]), 2),
        "lag_p99_few_ms": round(median(lags[FEW]), 2),
        "lag_p50_ms": round(median(middles[MANY]), 2),
        "lag_p50_few_ms": round(median(middles[FEW]), 2),
    }


def _lag_seconds(control: psycopg.Connection[tuple[Any, ...]], broker: "redis.Redis", count: int) -> Iterator[float]:
    """Play the pool's one worker: take the run of a hint, give it back to the queue's end, wait for the next hint."""
    control.execute("SELECT pg_notify('runs', '')")
    _hint_await(broker)  # what was hinted at before the pool was filled anew
    for _ in range(count + 1):
        run_id = _hinted(control)
        control.execute(
            "UPDATE run SET status = 'planning', epoch = nextval('run_epoch_seq'), lease_owner = 'bench', "
            "lease_until = now() + interval '60 seconds' WHERE id = %s",
            [run_id],
        )
        with control.transaction():
            control.execute(
                "UPDATE run SET status = 'pending', lease_owner = NULL, lease_until = NULL, hinted_at = NULL, "
                "priority = priority + 1 WHERE id = %s",
                [run_id],
            )
            control.execute("SELECT pg_notify('runs', '')")
            began = time.perf_counter()
        _hint_await(broker)
        yield time.perf_counter() - began


def _hint_await(broker: "redis.Redis") -> UUID:
    found = broker.blpop(["runs.lag"], timeout=30)
    if not isinstance(found, Sequence):
        raise RuntimeError("no hint came")  # noqa: TRY004 - it is None then
    _, kwargs, _ = json.loads(base64.b64decode(json.loads(found[1])["body"]))
    return UUID(kwargs["run_id"])


def _hinted(control: psycopg.Connection[tuple[Any, ...]]) -> UUID:
    """Return the run that is hinted at; one at most, for the pool has one slot."""
    row = control.execute(
        "SELECT id FROM run WHERE pool = 'lag' AND status = 'pending' AND lease_owner IS NULL "
        "AND hinted_at IS NOT NULL ORDER BY hinted_at DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise RuntimeError("a hint came, and nothing is hinted at")
    found: UUID = row[0]
    return found


def _heartbeats(stack: Stack, leased: Sequence[tuple[UUID, int]]) -> dict[str, Any]:
    """Count the CPU time of the client and of the server's processes that serve it."""
    percents = []
    for number in range(BEAT_ROUNDS):
        say(f"heartbeats: {number + 1} of {BEAT_ROUNDS}")
        with _module(stack, "benchmarks.keeper", "beats", str(BEAT_SECONDS), str(BEAT_INTERVAL)) as keeper:
            _say_to(keeper, json.dumps([[str(run_id), epoch] for run_id, epoch in leased]) + "\n")
            servers: list[int] = json.loads(_line_of(keeper))
            before = cpu_ms(servers, with_children=False)
            own_ms, seconds = map(float, _line_of(keeper).split())
            spent = own_ms + cpu_ms(servers, with_children=False) - before
            _say_to(keeper, "\n")  # it has kept its connections until they were counted
            keeper.wait(timeout=60)
        percents.append(spent / (seconds * 1000) * 100)
    return {"heartbeat_core_percent": round(median(percents), 2), "heartbeat_runs": LEASED}


def _passes(stack: Stack) -> dict[str, Any]:
    say("passes of the reconciler")
    with _module(stack, "benchmarks.keeper", "passes", str(PASSES)) as keeper:
        if keeper.stdout is None:
            raise TypeError("it was started with a pipe")
        figures: Json = json.loads(keeper.stdout.read())
    return figures


def _tiny(stack: Stack) -> dict[str, Any]:
    """Let workers carry out runs whose Terraform does nothing, as many as there are processes at once."""
    say(f"{TINY} tiny runs through {WORKERS} workers")
    celery = ("celery", "-A", "benchmarks.scripted", "worker", "--concurrency", "1")
    quietly = ("--loglevel", "WARNING", "--without-gossip", "--without-mingle")
    with psycopg.connect(stack.superuser_url(), autocommit=True) as control, ExitStack() as held:
        control.execute("UPDATE connection SET pool = 'scripted'")
        for number in range(WORKERS):
            process = subprocess.Popen(
                (sys.executable, "-m", "benchmarks.launch", *celery, *quietly, "--hostname", f"scripted{number}@%h"),
                cwd=CHECKOUT,
                env={**stack.environ, **_SCRIPTED},
                stdout=subprocess.DEVNULL,
            )
            held.callback(_ended, process)
        requests = [stack.order(f"tiny-{number}") for number in range(TINY)]
        for request in requests:
            stack.wait(request, poll_seconds=0.1)
        control.execute("UPDATE connection SET pool = 'default'")
        row = control.execute(
            f"SELECT count(*), extract(epoch FROM max(finished_at) - min(started_at))::float8 FROM run "
            f"WHERE pool = 'scripted' AND status IN ({_FINAL})"
        ).fetchone()
    if row is None or row[0] != TINY:
        raise RuntimeError("not every run was carried out")
    return {"tiny_runs_per_s": round(TINY / row[1], 1), "tiny_workers": WORKERS}


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(timeout=60)


if __name__ == "__main__":
    main()
