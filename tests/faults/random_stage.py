"""F2: people at work, a nemesis by a seed, then silence; and nothing that was promised is broken."""

import time
from dataclasses import dataclass
from typing import Any

from tests.faults.checker import Checker, Violation
from tests.faults.clients import Crowd, Ledger
from tests.faults.nemesis import KINDS, Nemesis, terraform_below
from tests.faults.processes import within
from tests.faults.stage import Stage

PROJECTS = ("alpha=14", "beta=14", "gamma=14")
SLUGS = ("alpha", "beta", "gamma")
FAULTS, ACCEPTED, SECONDS, QUIET_SECONDS = 150, 300, 300, 15
_OF_PROJECT = " AND project_id IN (SELECT id FROM project WHERE slug LIKE %s)"
_LIVE = f"""
SELECT count(*) FROM run WHERE status NOT IN
    ('applied', 'planned_and_finished', 'errored', 'discarded', 'canceled', 'superseded') {_OF_PROJECT}
"""
_ASKED = (
    "SELECT count(*) FROM provisioning_request WHERE status NOT IN ('completed', 'failed', 'canceled')" + _OF_PROJECT
)
_UNVERIFIED = "SELECT count(*) FROM resource WHERE verify_at > clock_timestamp() - interval '8 seconds'" + _OF_PROJECT


@dataclass(frozen=True, kw_only=True)
class Storm:
    """What came of it."""

    faults: dict[str, int]
    accepted: int
    quiet_seconds: float
    seconds: float
    zombies: int
    late_effects: int
    violations: list[Violation]
    is_enough: bool


def storm(stage: Stage, *, seed: int, each: int, accepted: int, seconds: float) -> Storm:
    """Let a nemesis loose until there are faults and orders enough, or time is up; then wait for silence and judge.

    Args:
        stage: With `PROJECTS`.
        seed: Whatever is random follows from it, but for the machine's own timing.
        each: How often each kind of fault comes.
        accepted: How many accepted requests there shall be.
        seconds: After so many it is over, and has failed if there was not enough.
    """
    began = time.monotonic()
    ledger = Ledger()
    crowd = Crowd(stage, list(SLUGS), ledger, seed=seed)
    crowd.start()
    nemesis = Nemesis(stage, seed=seed)
    total = each * len(KINDS)
    pause = seconds * 0.72 / total
    nemesis.run(each=each, pause=(pause * 0.25, pause), ends_at=began + seconds)
    within(began + seconds - time.monotonic(), lambda: len(ledger.accepted) >= accepted, pause=0.2)
    crowd.stop()
    quiet = quiet_seconds(stage, since=max(nemesis.last_at, crowd.stopped_at))
    checker = Checker(stage, ledger, SLUGS)
    violations = checker.judge()
    if quiet > QUIET_SECONDS:
        violations.append(Violation(invariant="quiet", told=f"not quiet {quiet:.1f} s after the last fault"))
    violations += children_left(stage)
    return Storm(
        faults=dict(nemesis.faults),
        accepted=len(ledger.accepted),
        quiet_seconds=round(quiet, 1),
        seconds=round(time.monotonic() - began, 1),
        zombies=zombies(stage),
        late_effects=late_effects(checker),
        violations=violations,
        is_enough=min(nemesis.faults[kind] for kind in KINDS) >= each and len(ledger.accepted) >= accepted,
    )


def quiet_seconds(stage: Stage, *, since: float, patience: float = 60, project: str = "%") -> float:
    """Wait until nothing is under way, and return how long after a moment that was.

    A look that is due some seconds after a takeover is part of a takeover: it is waited for, and not counted.
    """
    within(patience, lambda: _none(stage, _LIVE, project) and _none(stage, _ASKED, project), pause=0.1)
    ended = time.monotonic() - since
    if ended < patience:
        within(patience, lambda: _none(stage, _UNVERIFIED, project) and _none(stage, _LIVE, project), pause=0.2)
    return ended


def children_left(stage: Stage) -> list[Violation]:
    """Return Terraform that outlived its run."""
    within(10, lambda: not terraform_below(str(stage.home)), pause=0.2)
    left = terraform_below(str(stage.home))
    return [Violation(invariant="children", told=f"processes {left} still work in run folders")] if left else []


def zombies(stage: Stage) -> int:
    """Count the workers that noticed that they had been overtaken."""
    ((count,),) = stage.query("SELECT count(*) FROM audit_event WHERE action = 'run.overtaken'")
    return int(count)


def late_effects(checker: Checker) -> int:
    """Count what Terraform of an older epoch did in the cloud while a newer one was there."""
    claims: dict[str, list[float]] = {}
    for change in checker.changes:
        if change["new_epoch"] != change["old_epoch"] and change["new_epoch"] is not None:
            claims.setdefault(str(change["run_id"]), []).append(change["at"].timestamp())
    late = 0
    for entry in checker.journal:
        if entry["effect"] in {"create", "adopt", "update", "delete"}:
            for at in claims.get(checker.uuid_of(entry["run"]), ()):
                late += entry["begun_at"] < at < entry["at"]
    return late


def _none(stage: Stage, sql: str, project: str) -> bool:
    ((count,),) = stage.query(sql, project)
    return not count


def storm_told(result: Storm) -> dict[str, Any]:
    """Return it as part of the result."""
    return {
        "faults": sum(result.faults.values()),
        "faults_by_kind": result.faults,
        "accepted": result.accepted,
        "zombies": result.zombies,
        "late_effects": result.late_effects,
        "quiet_seconds": result.quiet_seconds,
        "seconds": result.seconds,
        "is_enough": result.is_enough,
    }
