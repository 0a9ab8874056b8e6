"""``make faults`` and ``make fault-mutants``: break the product, and judge it; one line of JSON is the result.

``SEED`` (1) is the random stage's, ``SHORT=1`` takes a little of everything, ``STAGES`` names those to play, of
``table directed random broker real``, ``KEEP`` a folder for logs and rows if something is broken.
``python -m tests.faults mutants`` proves the kit. Ends with 1 where a promise was broken, or where there was not enough
of what breaks promises.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provisioning.states import MACHINES
from tests.faults import broker_stage, directed, proving, random_stage, real_stage
from tests.faults.checker import Checker, Violation, judged_how
from tests.faults.clients import Ledger
from tests.faults.nemesis import EACH
from tests.faults.stage import Stage, stage_running

REPEATS = 3
Json = dict[str, Any]


def faults(*, seed: int, is_short: bool, stages: tuple[str, ...]) -> Json:
    """Play the stages, and return what came of them.

    Args:
        seed: Of the random stage.
        is_short: Each kind of fault once, each moment of a few once, and no real Terraform.
        stages: Which of them; all, if none is named.
    """
    began = time.monotonic()
    result: Json = {"seed": seed, "faults": 0, "accepted": 0, "zombies": 0, "violations": [], "hits": {}}
    wanted = stages or tuple(STAGES)
    projects = [*directed.LANES, *random_stage.PROJECTS, broker_stage.PROJECT]
    scripted = [name for name in STAGES if name in wanted and name != "real"]
    if scripted:
        with stage_running(*projects) as stage:
            for name in scripted:
                STAGES[name](stage, result, seed, is_short)
            if (kept := os.environ.get("KEEP")) and result["violations"]:
                stage.keep(Path(kept))
    if "real" in wanted and not is_short:
        with stage_running(real_stage.PROJECT, is_real=True) as stage:
            STAGES["real"](stage, result, seed, is_short)
    result["judged"] = judged_how()
    result["seconds"] = round(time.monotonic() - began, 1)
    return result


def _table(stage: Stage, result: Json, _seed: int, _is_short: bool) -> None:  # noqa: FBT001 - one shape for all stages
    """F0: the transitions in the database are those in Python."""
    there = set(stage.query("SELECT machine, source, target FROM lifecycle_move WHERE source <> ''"))
    here = {
        (machine, str(source), str(target))
        for machine, (_, moves) in MACHINES.items()
        for source, targets in moves.items()
        for target in targets
    }
    if differ := sorted(there ^ here):
        _break(result, [Violation(invariant="I10", told=f"moves of code or database alone: {differ}")])
    result["moves"] = len(here)


def _directed(stage: Stage, result: Json, _seed: int, is_short: bool) -> None:  # noqa: FBT001
    """F1."""
    ledger = Ledger()
    repeats, names = (1, directed.SHORT) if is_short else (REPEATS, ())
    hits, failures = directed.directed(stage, ledger, repeats=repeats, names=names)
    random_stage.quiet_seconds(stage, since=time.monotonic())
    violations = Checker(stage, ledger, directed.LANES).judge() + random_stage.children_left(stage)
    missed = [name for name in directed.names() if hits[name] < repeats and (not names or name in names)]
    failures += [f"{name} was hit {hits[name]} times" for name in missed]
    result["hits"] = dict(hits)
    result["accepted"] += len(ledger.accepted)
    result["faults"] += sum(hits.values())
    result["zombies"] = random_stage.zombies(stage)
    _break(result, violations, failures, of="directed")


def _random(stage: Stage, result: Json, seed: int, is_short: bool) -> None:  # noqa: FBT001
    """F2."""
    each, accepted, seconds = (1, 10, 25) if is_short else (EACH, random_stage.ACCEPTED, random_stage.SECONDS)
    came = random_stage.storm(stage, seed=seed, each=each, accepted=accepted, seconds=seconds)
    result["random"] = random_stage.storm_told(came)
    result["faults"] += sum(came.faults.values())
    result["accepted"] += came.accepted
    result["zombies"] = came.zombies
    failures = [] if came.is_enough or is_short else ["there were too few faults, or too few orders"]
    _break(result, came.violations, failures, of="random")


def _broker(stage: Stage, result: Json, _seed: int, is_short: bool) -> None:  # noqa: FBT001
    """F3."""
    ledger, failures = Ledger(), list[str]()
    few = {"waiting": 6, "samples": 6, "away_seconds": 2.0} if is_short else {}
    result["broker"] = broker_stage.Broker(stage, ledger, failures).run(**few)  # type: ignore[arg-type]  # by name
    random_stage.quiet_seconds(stage, since=time.monotonic())
    result["accepted"] += len(ledger.accepted)
    _break(result, Checker(stage, ledger, (broker_stage.PROJECT,)).judge(), failures, of="broker")


def _real(stage: Stage, result: Json, _seed: int, _is_short: bool) -> None:  # noqa: FBT001
    """F4."""
    ledger, failures = Ledger(), list[str]()
    result["real"] = real_stage.Real(stage, ledger, failures).run()
    result["accepted"] += len(ledger.accepted)
    result["faults"] += len(result["real"])
    _break(result, [], failures, of="real")


STAGES: dict[str, Callable[[Stage, Json, int, bool], None]] = {
    "table": _table,
    "directed": _directed,
    "random": _random,
    "broker": _broker,
    "real": _real,
}


def _break(result: Json, violations: list[Violation], failures: list[str] | None = None, *, of: str = "table") -> None:
    told = [{"invariant": each.invariant, "told": each.told, "stage": of} for each in violations]
    told += [{"invariant": "promise", "told": each, "stage": of} for each in failures or ()]
    result["violations"] += told


def mutants(names: tuple[str, ...]) -> Json:
    """Prove the kit, and return a row for each seeded bug."""
    began = time.monotonic()
    with stage_running(*proving.projects()) as stage:
        rows = proving.prove(stage, names=names)
    return {
        "mutants": len(rows),
        "caught": sum(row["is_caught"] for row in rows),
        "rows": rows,
        "seconds": round(time.monotonic() - began, 1),
    }


def main(words: list[str]) -> int:
    """Play, print the result, and return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what runs is ended, and its folder goes
    if words[:1] == ["mutants"]:
        proved = mutants(tuple(words[1:]))
        print(json.dumps(proved))
        return (
            0 if proved["caught"] == proved["mutants"] and not any(row["without_it"] for row in proved["rows"]) else 1
        )
    result = faults(
        seed=int(os.environ.get("SEED") or 1),
        is_short=bool(os.environ.get("SHORT")),
        stages=tuple((os.environ.get("STAGES") or "").split()),
    )
    print(json.dumps(result))
    for broken in result["violations"]:
        print(f"{broken['stage']}: {broken['invariant']}: {broken['told']}", file=sys.stderr)
    return 1 if result["violations"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
