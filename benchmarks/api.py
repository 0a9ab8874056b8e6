"""``make bench NAME=api``: what the API costs beside programs that do as little as can be. Docs: docs/benchmarks.md.

Dispatcher and workers stand still meanwhile: what is ordered here is not carried out.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from statistics import median
from typing import Any

from benchmarks.figures import family, load_average, report, say
from benchmarks.load import drive, request_bytes
from benchmarks.pages import pages_figures
from benchmarks.references import Reference, plain_run, raw_run
from benchmarks.rounds import IS_SHORT, PAIRS, SECONDS, Sample, sample_take
from benchmarks.stack import Stack, stack_run
from benchmarks.waiters import waiters_figures
from platform_api.core.ids import Prefix, show
from platform_api.embedded.folder import CHECKOUT

TEAMS, PROJECTS = (2, 2) if IS_SHORT else (16, 4)
OK, CREATED, ACCEPTED = 200, 201, 202
Tokens = Mapping[str, str]
"""Of a developer of each project, by the project's slug."""


def main() -> None:
    """Measure, and print one line of JSON."""
    load_before = load_average()
    with stack_run() as stack, ExitStack() as references:
        tokens = _tenants_make(stack)
        raw = references.enter_context(raw_run(stack))
        plain = references.enter_context(plain_run(stack))
        for part in ("dispatcher", "worker"):
            for pid in family(stack.pid(part)):
                os.kill(pid, signal.SIGSTOP)
        try:
            figures = {
                **_post(stack, tokens, raw),
                **_get(stack, tokens, plain),
                **waiters_figures(stack, tokens),
                **pages_figures(stack, tokens),
            }
        finally:
            for part in ("dispatcher", "worker"):
                for pid in family(stack.pid(part)):
                    os.kill(pid, signal.SIGCONT)
    report("api", {**figures, "load_before": load_before, "load_after": load_average()})


def _tenants_make(stack: Stack) -> Tokens:
    answer = subprocess.run(
        (sys.executable, "-m", "benchmarks.tenants", str(TEAMS), str(PROJECTS)),
        cwd=CHECKOUT,
        env=stack.environ,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    tokens: Tokens = json.loads(answer.stdout)
    return tokens


def _post(stack: Stack, tokens: Tokens, raw: Reference) -> dict[str, Any]:
    """Order on all projects in turn, then on one; a pair is each of these and the reference."""
    many, one = _orders(tokens), _orders(dict(itertools.islice(tokens.items(), 1)))
    ours, ours_alone, theirs = list[Sample](), list[Sample](), list[Sample]()
    database = stack.pid("control-postgres")
    watched = {"service": [stack.pid("api"), database], "policy": [stack.pid("policy")]}
    for port, requests in ((stack.port, many), (raw.port, raw.requests)):
        drive(port, requests, seconds=SECONDS)
    for number in range(PAIRS):
        say(f"POST: {number + 1} of {PAIRS}")
        ours.append(sample_take(stack.port, many, status=ACCEPTED, watched=watched))
        theirs.append(sample_take(raw.port, raw.requests, status=CREATED, watched={"service": [raw.pid, database]}))
        ours_alone.append(sample_take(stack.port, one, status=ACCEPTED))
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "post_ratio": round(median(mine.rate / reference.rate for mine, reference in pairs), 3),
        "post_one_project_ratio": round(
            median(mine.rate / reference.rate for mine, reference in zip(ours_alone, theirs, strict=True)), 3
        ),
        "post_cpu_ratio": round(
            median(mine.cpu_ms["service"] / reference.cpu_ms["service"] for mine, reference in pairs), 2
        ),
        "post_tail_ratio": round(median(mine.tail_ratio for mine in ours), 2),
        "post_per_s": round(median(mine.rate for mine in ours)),
        "raw_per_s": round(median(reference.rate for reference in theirs)),
        "post_p50_ms": round(median(mine.percentile_ms(50) for mine in ours), 2),
        "post_p99_ms": round(median(mine.percentile_ms(99) for mine in ours), 2),
        "post_cpu_ms": round(median(mine.cpu_ms["service"] for mine in ours), 2),
        "post_policy_cpu_ms": round(median(mine.cpu_ms["policy"] for mine in ours), 2),
        "raw_cpu_ms": round(median(reference.cpu_ms["service"] for reference in theirs), 2),
    }


def _orders(tokens: Tokens) -> Iterator[bytes]:
    """Yield one order after the other, no two alike, over all projects in turn."""
    for project, token in itertools.cycle(tokens.items()):
        name = f"b-{uuid.uuid4().hex[:16]}"
        body = {
            "operation": "provision",
            "offering": "postgres-database",
            "plan": "small",
            "project": project,
            "name": name,
            "parameters": {"connection_limit": 20},
            "reason": f"A measurement of {name}",
            "ticket": "BENCH-1",
        }
        key = f'"{name}"'
        yield request_bytes(
            "POST", "/api/v1/requests", token=token, body=json.dumps(body).encode(), Idempotency_Key=key
        )


def _get(stack: Stack, tokens: Tokens, plain: Reference) -> dict[str, Any]:
    project, token = next(iter(tokens.items()))
    with stack.control() as control:
        row = control.execute(
            "SELECT resource.id FROM resource JOIN project ON project.id = project_id WHERE slug = %s LIMIT 1",
            [project],
        ).fetchone()
    assert row is not None  # noqa: S101 - hundreds were ordered just before
    ours = itertools.repeat(request_bytes("GET", f"/api/v1/resources/{show(Prefix.RESOURCE, row[0])}", token=token))
    mine, theirs = list[Sample](), list[Sample]()
    for port, requests in ((stack.port, ours), (plain.port, plain.requests)):
        drive(port, requests, seconds=SECONDS)
    for number in range(PAIRS):
        say(f"GET: {number + 1} of {PAIRS}")
        mine.append(sample_take(stack.port, ours, status=OK))
        theirs.append(sample_take(plain.port, plain.requests, status=OK))
    return {
        "get_ratio": round(median(m.rate / t.rate for m, t in zip(mine, theirs, strict=True)), 3),
        "get_per_s": round(median(sample.rate for sample in mine)),
        "plain_per_s": round(median(sample.rate for sample in theirs)),
    }


if __name__ == "__main__":
    main()
