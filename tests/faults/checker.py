"""Judges a stage by its invariants: from the database, its watched changes, the audit trail, the cloud and the ledger.

Each judge says how it judges in its docstring, whose first line goes into the result; what the product does not have
yet is told as such, and not counted as kept.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from platform_api.core.ids import Prefix, parse, show
from platform_api.embedded.folder import CHECKOUT
from provisioning.states import FINAL_REQUEST, FINAL_RUN, RUN_MOVES
from tests.faults import terms
from tests.faults.evidence import Evidence
from tests.faults.scripted.planning import DATABASE, ORDER, ROLE

Json = dict[str, Any]
NOT_YET: Mapping[str, str] = {
    "I12": "not yet: there are no approvals, so nobody could approve what he asked for",
    "I15": "not yet: there are no webhooks",
}
PLAN_SECONDS = APPLY_SECONDS = 8
"""Deadlines of the stage's offering."""

STUCK_SECONDS = APPLY_SECONDS + terms.LEASE_SECONDS + 2 * terms.LEASE_SECONDS + 6
"""A leased run is without progress so long at most: its deadline, what a worker has to stop in, and two leases."""

_LEDGER = """
WITH added AS (
    SELECT quota_id,
        sum(CASE WHEN pool <> 'reserved' THEN 0 WHEN move IN ('release', 'commit') THEN -amount
            ELSE amount END) AS reserved,
        sum(CASE WHEN move = 'commit' THEN amount WHEN pool <> 'used' THEN 0 WHEN move = 'release' THEN -amount
            ELSE amount END) AS used
    FROM quota_entry GROUP BY quota_id
)
SELECT quota.scope_name, quota.kind, quota.reserved, quota.used, added.reserved, added.used
FROM quota LEFT JOIN added ON added.quota_id = quota.id
WHERE (quota.reserved, quota.used) <> (coalesce(added.reserved, 0), coalesce(added.used, 0))
    AND quota.scope_id IN (SELECT id FROM project WHERE slug = ANY(%s))
"""

_ACTORS = {
    "worker": "worker",
    "dispatcher": "dispatcher",
    "whoever orders a deprovision": "api",
    "whoever may order there": "api",
    "whoever may order": "api",
    "admin": "command",
}


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken promise."""

    invariant: str
    told: str


class Checker(Evidence):
    """Evidence, and a verdict."""

    def judge(self) -> list[Violation]:
        """Judge everything, and return what is broken."""
        return [Violation(invariant=name, told=told) for name, judge in JUDGES.items() for told in judge(self)]


def accepted_ends(evidence: Evidence) -> Iterable[str]:
    """Each request of which a client saw a 2xx exists, and is final."""
    for asked in evidence.asked:
        rows = evidence.stage.query(
            "SELECT status FROM provisioning_request WHERE id = %s",
            parse(Prefix.PROVISIONING_REQUEST, asked.request_id),
        )
        if not rows:
            yield f"{asked.operation} {asked.request_id} was accepted and does not exist"
        elif rows[0][0] not in FINAL_REQUEST:
            yield f"{asked.operation} {asked.request_id} is {rows[0][0]}, and nothing goes on"


def one_owner(evidence: Evidence) -> Iterable[str]:
    """No claim while the lease before it held, by the database's clock at the write; epochs only rise."""
    yield from evidence.watched("I2")
    alive = defaultdict(set)
    for run in evidence.runs:
        if run["status"] not in FINAL_RUN:
            alive[run["resource_id"]].add(run["id"])
    yield from (f"resource {key} has {len(runs)} live runs" for key, runs in alive.items() if len(runs) > 1)


def quota_kept(evidence: Evidence) -> Iterable[str]:
    """In each entry of the ledger that takes, what is held is within the limit; sums of entries are the counters."""
    rows = evidence.stage.query(
        """
        SELECT quota.scope_name, quota.kind, entry.reserved_after + entry.used_after, quota."limit"
        FROM quota_entry AS entry JOIN quota ON quota.id = entry.quota_id
        WHERE entry.move = 'reserve' AND entry.reserved_after + entry.used_after > quota."limit"
            AND quota.scope_id IN (SELECT id FROM project WHERE slug = ANY(%s))
        """,
        list(evidence.projects),
    )
    yield from (f"{scope} {kind}: {held} of {limit} held" for scope, kind, held, limit in rows)
    wrong = evidence.stage.query(_LEDGER, list(evidence.projects))
    yield from (f"the ledger of {row[0]} {row[1]} does not add up: {row[2:]}" for row in wrong)
    gone = [each["id"] for each in evidence.resources if each["status"] == "deprovisioned"]
    held = evidence.stage.query(
        """
        SELECT subject_id FROM quota_entry WHERE subject_id = ANY(%s) GROUP BY subject_id, quota_id
        HAVING sum(CASE move WHEN 'release' THEN -amount WHEN 'commit' THEN 0 ELSE amount END) <> 0
        """,
        gone,
    )
    yield from (f"resource {subject} is gone and holds quota" for (subject,) in held)


def one_key_one_request(evidence: Evidence) -> Iterable[str]:
    """All answers to one key name one request; what was accepted is never refused when it is repeated."""
    for asked in evidence.ledger.asked:
        if asked.project not in evidence.projects:
            continue
        named = {request_id for _, request_id in asked.answers if request_id}
        refused = [status for status, request_id in asked.answers if not request_id and 400 <= status < 500]
        if len(named) > 1:
            yield f"{asked.operation} under one key became {len(named)} requests: {sorted(named)}"
        if named and refused:
            yield f"{asked.operation} under one key was accepted, and refused with {refused} when it was repeated"


def fenced(evidence: Evidence) -> Iterable[str]:
    """No write to a run, state or log by a process that is not the newest epoch's owner, as the triggers saw it."""
    yield from evidence.watched("I5")


def cloud_is_as_told(evidence: Evidence) -> Iterable[str]:
    """Ready: cloud, state and declared parameters agree. Gone: nothing is there. Degraded: what is there is listed."""
    there: dict[str, dict[str, Json]] = defaultdict(dict)
    for (kind, _), found in evidence.stage.cloud.objects().items():
        there[found["mark"]][f"{kind}.this"] = found["attributes"]
    for resource in evidence.resources:
        mark = show(Prefix.RESOURCE, resource["id"])
        found = there.get(mark, {})
        told = f"{resource['name']} ({mark}) is {resource['status']}"
        if resource["status"] in {"deprovisioned", "pending"}:
            if found:
                yield f"{told}, and there are {sorted(found)}"
        elif resource["status"] == "degraded":
            listed = set(_listed(evidence, resource))
            if unlisted := sorted(set(found) - listed):
                yield f"{told}, and {unlisted} are listed nowhere"
        else:
            yield from _ready(evidence, resource, found, told)


def _ready(evidence: Evidence, resource: Json, found: dict[str, Json], told: str) -> Iterable[str]:
    if set(found) != set(ORDER):
        yield f"{told}, and there are only {sorted(found)}"
        return
    wanted = resource["parameters"]["connection_limit"]
    if {found[ROLE]["connection_limit"], found[DATABASE]["connection_limit"]} != {wanted}:
        yield f"{told} with {wanted} connections, the cloud has {found[DATABASE]['connection_limit']}"
    state = evidence.state_of(resource)
    kept = {
        f"{each['type']}.{each['name']}": each["instances"][0]["attributes"]
        for each in (state or {}).get("resources", [])
    }
    if kept != found:
        yield f"{told}, and its state differs from the cloud in {sorted(a for a in ORDER if kept.get(a) != found[a])}"
    rows = evidence.stage.query(
        "SELECT sealed FROM credential WHERE resource_id = %s AND sealed IS NOT NULL", resource["id"]
    )
    place = f"resource/{resource['id']}/credentials"
    kept_verifiers = [
        json.loads(evidence.stage.keys().open(bytes(sealed), place=place))["verifiers"].values() for (sealed,) in rows
    ]
    if not any(found[ROLE]["password_verifier"] in values for values in kept_verifiers):
        yield f"{told}, and its password is one that nobody can be shown"


def _listed(evidence: Evidence, resource: Json) -> Iterable[str]:
    """Addresses that the failures of a degraded resource's runs list, or that its newest state knows."""
    for run in evidence.runs:
        if run["resource_id"] == resource["id"] and run["failure"]:
            yield from run["failure"]["objects_left"]
    for each in (evidence.state_of(resource) or {}).get("resources", []):
        yield f"{each['type']}.{each['name']}"


def audited(evidence: Evidence) -> Iterable[str]:
    """Exactly one audit event for each watched transition of a run. A chain of hashes is not there yet."""
    seen: dict[tuple[UUID, str], int] = defaultdict(int)
    for change in evidence.changes:
        # A pair of statuses, or a claim, which begins a new epoch.
        seen[change["run_id"], change["new_status"]] += 1
    rows = evidence.stage.query(
        "SELECT object_id, action FROM audit_event WHERE object_type = 'run' AND object_id = ANY(%s)",
        [run["id"] for run in evidence.runs],
    )
    recorded: dict[tuple[UUID, str], int] = defaultdict(int)
    for run_id, action in rows:
        recorded[run_id, action.partition(".")[2]] += 1
    first = _submitted(evidence)
    for (run_id, status), count in seen.items():
        # The first run of an order is told of by the event of the order itself.
        implied = 1 if status == "pending" and run_id in first else 0
        if recorded[run_id, status] + implied != count:
            yield f"run {run_id} became {status} {count} times, and that was recorded {recorded[run_id, status]} times"


def _submitted(evidence: Evidence) -> set[UUID]:
    """Runs that came with their order, in its statement and under its event."""
    return {run["id"] for run in evidence.runs if run["operation"] == "provision" and run["generation"] == 1}


def progress(evidence: Evidence) -> Iterable[str]:
    """No run is live when the stage is quiet; none stood still for longer than its deadline and two leases."""
    for run in evidence.runs:
        if run["status"] not in FINAL_RUN:
            yield f"run {run['id']} ({run['operation']}) is {run['status']} for ever, owner {run['lease_owner']}"
    entered: dict[UUID, Json] = {}
    for change in evidence.changes:
        before = entered.get(change["run_id"])
        if before is not None and before["new_status"] in {"planning", "applying"}:
            stood = (change["at"] - before["at"]).total_seconds()
            if stood > STUCK_SECONDS + PLAN_SECONDS:
                yield f"run {change['run_id']} was {before['new_status']} for {stood:.0f} s"
        entered[change["run_id"]] = change


def final_is_final(evidence: Evidence) -> Iterable[str]:
    """No row in a final status changed, as the triggers saw it."""
    yield from evidence.watched("I9")


def only_listed_moves(evidence: Evidence) -> Iterable[str]:
    """Each watched transition stands in the table, and was made by a part that docs/lifecycles.md names for it."""
    moves = {(source.value, target.value) for source, targets in RUN_MOVES.items() for target in targets}
    actors = _documented()
    for change in evidence.changes:
        pair = (change["old_status"], change["new_status"])
        part = change["writer"].partition(":")[0].partition("-")[0]
        if pair[0] is None or pair[0] == pair[1] != "recovering":
            continue
        if pair not in moves:
            yield f"run {change['run_id']} went {pair[0]}→{pair[1]} by {change['writer']}"
        elif part not in actors.get(pair, {part}):
            yield f"run {change['run_id']} went {pair[0]}→{pair[1]} by {change['writer']}, and not by {actors[pair]}"


def _documented() -> dict[tuple[str, str], set[str]]:
    text = (CHECKOUT / "docs" / "lifecycles.md").read_text(encoding="utf-8")
    actors = {}
    for source, target, who in re.findall(r"^\| (\w+) \| (\w+) \| ([^|]+) \|", text, re.MULTILINE):
        if "nobody yet" not in who:
            actors[source, target] = {_ACTORS.get(word.strip(), word.strip()) for word in who.split(",")}
    return actors


def plan_is_applied_as_judged(evidence: Evidence) -> Iterable[str]:
    """Each apply of a run in the cloud's journal comes after a plan of its own; what is kept is the digest judged."""
    planned: dict[str, bool] = {}
    for entry in evidence.journal:
        if entry["effect"] != "begin":
            continue
        if entry["command"] == "apply" and not planned.get(entry["run"]):
            yield f"{entry['run']} applied twice what was planned once"
        planned[entry["run"]] = entry["command"] == "plan"
    rows = evidence.stage.query(
        """
        SELECT run.id FROM run JOIN plan_file ON plan_file.run_id = run.id
        WHERE run.resource_id = ANY(%s) AND run.status = 'applied' AND run.plan_digest <> plan_file.digest
        """,
        evidence.resource_ids,
    )
    yield from (f"run {run_id} applied another plan than the one judged" for (run_id,) in rows)


def secrets_stay(evidence: Evidence) -> Iterable[str]:
    """No password or verifier that was ever used in log lines, plan views, failures, audit events or process logs."""
    verifiers = {found["attributes"].get("password_verifier") for found in evidence.stage.cloud.objects().values()}
    needles = [needle for needle in (*evidence.passwords, *verifiers) if needle]
    places = {
        "log_line": "SELECT line || coalesce(event::text, '') FROM log_line WHERE run_id = ANY(%s)",
        "run": "SELECT coalesce(plan_summary::text, '') || coalesce(failure::text, '') FROM run WHERE id = ANY(%s)",
        "audit_event": "SELECT coalesce(before::text, '') || coalesce(after::text, '') || reason FROM audit_event "
        "WHERE object_id = ANY(%s)",
    }
    ids = [run["id"] for run in evidence.runs]
    for place, sql in places.items():
        text = "\n".join(row[0] for row in evidence.stage.query(sql, ids + evidence.resource_ids))
        yield from (f"a secret stands in {place}" for needle in needles if needle in text)
    for name in evidence.stage.running:
        text = evidence.stage.log(name)
        yield from (f"a secret stands in the log of {name}" for needle in needles if needle in text)


def tenants_apart(evidence: Evidence) -> Iterable[str]:
    """Requests, runs and events of a resource carry its project, and environments theirs."""
    projects = {each["id"]: each["project_id"] for each in evidence.resources}
    yield from (
        f"resource {each['id']} is in an environment of another project"
        for each in evidence.resources
        if each["environment_project"] != each["project_id"]
    )
    yield from (
        f"run {run['id']} carries another project than its resource"
        for run in evidence.runs
        if run["project_id"] != projects[run["resource_id"]]
    )
    rows = evidence.stage.query(
        """
        SELECT audit_event.id FROM audit_event JOIN run ON run.id = object_id
        WHERE run.resource_id = ANY(%s) AND audit_event.project_id IS DISTINCT FROM run.project_id
        """,
        evidence.resource_ids,
    )
    yield from (f"event {event} carries another project than its run" for (event,) in rows)


JUDGES: Mapping[str, Callable[[Evidence], Iterable[str]]] = {
    "I1": accepted_ends,
    "I2": one_owner,
    "I3": quota_kept,
    "I4": one_key_one_request,
    "I5": fenced,
    "I6": cloud_is_as_told,
    "I7": audited,
    "I8": progress,
    "I9": final_is_final,
    "I10": only_listed_moves,
    "I11": plan_is_applied_as_judged,
    "I13": secrets_stay,
    "I14": tenants_apart,
}


def judged_how() -> dict[str, str]:
    """Say per invariant how it is judged."""
    told = {name: (judge.__doc__ or "").strip() for name, judge in JUDGES.items()} | dict(NOT_YET)
    return {name: told[name] for name in sorted(told, key=lambda name: int(name[1:]))}
