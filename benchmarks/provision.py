"""``make bench NAME=provision``: what Slipway adds to Terraform, for one database and for many.

Each ratio is of medians measured in turns in this run, because a shared machine is faster in one minute than in the
next. Docs: docs/benchmarks.md.
"""

import os
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from celery import Celery

from benchmarks.bare import Bare, BareRun, bare_make
from benchmarks.base import base_run
from benchmarks.figures import load_average, median_ms, ratio, report, say
from benchmarks.stack import POLL_SECONDS, Json, Stack, stack_run, waited
from platform_api.core.ids import Prefix, parse
from platform_api.embedded.status import StackStatus
from platform_api.terraform.spec import ProviderWay

IS_SHORT = os.environ.get("SHORT", "0") != "0"
"""The same with so few rounds that the figures mean nothing: shows that it works."""

BASE = os.environ.get("BASE", "")
"""A commit that is measured beside this one, e.g. ``BASE=main``."""

WARM_UP, ROUNDS, CROWD_ROUNDS, CPU_ROUNDS = (0, 1, 1, 1) if IS_SHORT else (3, 15, 5, 15)
TOGETHER, CROWD = (1, 2) if IS_SHORT else (16, 8)
AT_ONCE = 2
IDLE_SECONDS = 1 if IS_SHORT else 5
RARE_POLL_SECONDS = 0.25
"""So that the CPU time counted for a run is the run's, and not that of watching it."""
MANY_POLL_SECONDS = 0.1
"""Where many are waited for on a machine that has nothing to spare: watching would take from what is watched."""


def main() -> None:
    """Measure, and print one line of JSON."""
    load_before = load_average()
    with stack_run() as stack, bare_make(fleet_url=stack.setting("FLEET_DATABASE_URL")) as bare:
        say("warming up")
        for _ in range(WARM_UP):
            _ready_seconds(stack)
            for way in ProviderWay:
                bare.provision(way=way)
        memory = StackStatus.of(stack.folder).memory
        figures = {
            **_one_at_a_time(stack, bare),
            **_cpu(stack),
            **_wake(stack),
            **_many(stack, bare),
        }
        figures["cpu_total_ms"] = round(
            figures["cpu_overhead_ms"] + figures["cpu_terraform_ms"] + figures["cpu_provider_ms"], 1
        )
        if BASE:
            figures |= _versus_base(stack)
    figures["memory_mb"] = round(sum(memory.values()) / 1024**2)
    report("provision", {**figures, "load_before": load_before, "load_after": load_average()})


def _name() -> str:
    return f"bench-{uuid.uuid4().hex[:12]}"


def _ready_seconds(stack: Stack) -> tuple[float, float]:
    """Order one, wait until it is ready; return the seconds of that and of the POST alone. Then give it back."""
    began = time.perf_counter()
    request = stack.order(_name())
    posted = time.perf_counter() - began
    while stack.get(f"resources/{request['resource']['id']}")["status"] != "ready":
        time.sleep(POLL_SECONDS)
    ready = time.perf_counter() - began
    stack.wait(stack.give_back(request))
    return ready, posted


def _one_at_a_time(stack: Stack, bare: Bare) -> dict[str, Any]:
    ready, posted = list[float](), list[float]()
    runs: dict[ProviderWay, list[BareRun]] = {way: [] for way in ProviderWay}
    for number in range(ROUNDS):
        say(f"one at a time: {number + 1} of {ROUNDS}")
        seconds, post_seconds = _ready_seconds(stack)
        ready.append(seconds)
        posted.append(post_seconds)
        for way, list_of_way in runs.items():
            list_of_way.append(bare.provision(way=way))
    walls = {way: median_ms([run.seconds for run in found]) for way, found in runs.items()}
    ours, forked = median_ms(ready), runs[ProviderWay.REATTACH]
    return {
        "ready_ratio": ratio(ours, walls[ProviderWay.REATTACH]),
        "launched_ratio": ratio(ours, walls[ProviderWay.LAUNCH]),
        "ready_ms": ours,
        "bare_ms": walls[ProviderWay.REATTACH],
        "bare_launched_ms": walls[ProviderWay.LAUNCH],
        "post_ms": median_ms(posted),
        "cpu_provider_ms": round(median(run.provider_ms for run in forked), 1),
        "bare_terraform_cpu_ms": round(median(run.terraform_ms for run in forked), 1),
    }


def _versus_base(stack: Stack) -> dict[str, Any]:
    """Order one after the other, of ours and of the other commit's stack in turns."""
    ours, theirs = list[float](), list[float]()
    with base_run(BASE) as base_seconds:
        for number in range(ROUNDS):
            say(f"beside {BASE}: {number + 1} of {ROUNDS}")
            ours.append(_ready_seconds(stack)[0])
            theirs.append(base_seconds())
    return {
        "provision_vs_base": round(median(mine / other for mine, other in zip(ours, theirs, strict=True)), 3),
        "base_ready_ms": median_ms(theirs),
    }


def _cpu(stack: Stack) -> dict[str, Any]:
    spent: list[dict[str, float]] = []
    began, idle_before = time.perf_counter(), stack.cpu()
    time.sleep(IDLE_SECONDS)
    idle_seconds, idle_after = time.perf_counter() - began, stack.cpu()
    for number in range(CPU_ROUNDS):
        say(f"CPU time: {number + 1} of {CPU_ROUNDS}")
        before = stack.cpu()
        request = stack.order(_name())
        stack.wait(request, poll_seconds=RARE_POLL_SECONDS)
        after = stack.cpu()
        spent.append({part: after[part] - before[part] for part in after})
        stack.wait(stack.give_back(request), poll_seconds=RARE_POLL_SECONDS)
    means = {part: round(sum(one[part] for one in spent) / len(spent), 1) for part in spent[0]}
    terraform = means.pop("terraform")
    idle = sum(idle_after[part] - idle_before[part] for part in means) / idle_seconds
    return {
        "cpu_overhead_ms": round(sum(means.values()), 1),
        "cpu_terraform_ms": terraform,
        "cpu_by_part_ms": means,
        "cpu_idle_ms_per_s": round(idle, 1),
    }


def _wake(stack: Stack) -> dict[str, Any]:
    """Compare commit to claim with a task that does nothing, sent and begun; both by the clock of this host."""
    app = Celery("bench", broker=stack.setting("REDIS_URL"))
    app.conf.update(task_default_queue="runs", task_ignore_result=True, task_serializer="json")
    woken, noop, first = list[float](), list[float](), list[float]()
    with tempfile.TemporaryDirectory(prefix="slb-") as folder, stack.control() as control:
        for number in range(ROUNDS):
            say(f"waking up: {number + 1} of {ROUNDS}")
            path = Path(folder) / f"{number}"
            sent = time.time()
            app.send_task("benchmarks.noop", kwargs={"path": str(path)})
            waited(path.exists)
            noop.append(float(path.read_text(encoding="ascii")) - sent)
            began = time.perf_counter()
            request = stack.order(_name())
            waited(lambda of=request: bool(stack.get(f"runs/{of['run']['id']}/log")["lines"]))  # type: ignore[misc]  # a default binds the loop's value
            first.append(time.perf_counter() - began)
            stack.wait(request)
            row = control.execute(
                "SELECT extract(epoch FROM started_at - created_at)::float8 FROM run WHERE id = %s",
                [parse(Prefix.RUN, request["run"]["id"])],
            ).fetchone()
            if row is None:
                msg = "the run is not in the database"
                raise RuntimeError(msg)
            woken.append(row[0])
            stack.wait(stack.give_back(request))
    return {
        "wake_ratio": ratio(median_ms(woken), median_ms(noop)),
        "wake_ms": median_ms(woken),
        "noop_ms": median_ms(noop),
        "first_log_ms": median_ms(first),
    }


def _many(stack: Stack, bare: Bare) -> dict[str, Any]:
    bare_rates, ours_rates, pair_rates, crowd_rates = list[float](), list[float](), list[float](), list[float]()
    for number in range(CROWD_ROUNDS):
        say(f"many at once: {number + 1} of {CROWD_ROUNDS}")
        with ExitStack() as held:
            bare_rates.append(_rate(TOGETHER, lambda held=held: _bare_many(bare, held)))  # type: ignore[misc]  # as below
        for rates, count, width in (
            (ours_rates, TOGETHER, TOGETHER),
            (pair_rates, CROWD, AT_ONCE),
            (crowd_rates, CROWD, CROWD),
        ):
            made: list[Json] = []
            rates.append(_rate(count, lambda c=count, w=width, m=made: _ours_many(stack, c, w, m)))  # type: ignore[misc]  # defaults bind the loop's values
            for given in [stack.give_back(request) for request in made]:
                stack.wait(given)
    return {
        "throughput_ratio": ratio(median(ours_rates), median(bare_rates)),
        "crowd_ratio": ratio(median(crowd_rates), median(pair_rates)),
        "runs_per_s": round(median(ours_rates), 2),
        "bare_runs_per_s": round(median(bare_rates), 2),
    }


def _rate(count: int, work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def _bare_many(bare: Bare, held: ExitStack) -> None:
    """Make them two at a time; ``held`` takes them down afterwards."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [bare.provisioned(way=ProviderWay.REATTACH) for _ in range(TOGETHER)]
        for done in [pool.submit(held.enter_context, run) for run in runs]:
            done.result()


def _ours_many(stack: Stack, count: int, width: int, made: list[Json]) -> None:
    """Order ``count`` databases, ``width`` at once; the next lot when all of the last are there."""
    for _ in range(count // width):
        lot = [stack.order(_name()) for _ in range(width)]
        for request in lot:
            stack.wait(request, poll_seconds=MANY_POLL_SECONDS)
        made.extend(lot)


if __name__ == "__main__":
    main()
