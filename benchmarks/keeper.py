"""What a dispatcher's reconciler and 1 000 workers' heartbeats cost: ``python -m benchmarks.keeper passes|beats``.

``passes ROUNDS`` writes medians, in milliseconds, of the product's own calls. ``beats SECONDS INTERVAL`` reads runs
with their epochs, as JSON, extends the lease of each once in each interval, by the product's own call, and writes how
much CPU time that took itself, in milliseconds, and how many seconds it went on.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle
from statistics import median
from uuid import UUID

import django

CONNECTIONS = 20


def passes(rounds: int) -> None:
    """Measure whole passes, and the look for lost workers alone."""
    from provisioning.services.reaping import runs_lost
    from provisioning.services.reconcile import reconcile

    def milliseconds(work: Callable[[], object]) -> float:
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            work()
            took.append(time.perf_counter() - began)
        return round(median(took) * 1000, 2)

    reconcile()  # what is prepared once a connection is no part of it
    json.dump({"reap_ms": milliseconds(lambda: list(runs_lost())), "reconcile_ms": milliseconds(reconcile)}, sys.stdout)


def beats(seconds: float, interval: float) -> None:
    """Keep the runs alive."""
    from platform_api.core.connections import connect_apart
    from provisioning.services.execution.claims import Claim, LeaseTerms
    from provisioning.services.execution.leases import STATEMENT_TIMEOUT_MS, heartbeat

    nobody, terms = UUID(int=0), LeaseTerms()
    first = Claim(
        run_id=nobody,
        resource_id=nobody,
        project_id=nobody,
        team_id=nobody,
        epoch=0,
        owner="bench",
        operation="provision",
        attempt=1,
        correlation_id="",
        traceparent="",
    )
    claims = [replace(first, run_id=UUID(run_id), epoch=epoch) for run_id, epoch in json.loads(sys.stdin.readline())]
    with ExitStack() as held:
        own = [
            held.enter_context(connect_apart(name="slipway-lease", statement_timeout_ms=STATEMENT_TIMEOUT_MS))
            for _ in range(CONNECTIONS)
        ]
        for connection in own:
            for _ in range(10):  # by then psycopg has the statement prepared
                heartbeat(connection, claims[0], terms)
        json.dump([connection.info.backend_pid for connection in own], sys.stdout)
        sys.stdout.write("\n")
        sys.stdout.flush()
        began, spent = time.monotonic(), time.process_time()
        for number, (claim, connection) in enumerate(zip(cycle(claims), cycle(own), strict=False)):
            due = began + number * interval / len(claims)
            if due > began + seconds:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            if heartbeat(connection, claim, terms) is None:
                raise RuntimeError("a lease was lost that nobody else wants")
        sys.stdout.write(f"{(time.process_time() - spent) * 1000} {time.monotonic() - began}\n")
        sys.stdout.flush()
        sys.stdin.readline()  # until then the servers' processes are there to be counted


if __name__ == "__main__":
    from platform_api.embedded.environment import load_into

    load_into(os.environ)
    os.environ["SLIPWAY_ROW_SCOPE"] = "all"
    django.setup()
    if sys.argv[1] == "passes":
        passes(int(sys.argv[2]))
    else:
        beats(float(sys.argv[2]), float(sys.argv[3]))
