"""Parts of pages that several things share: what a run did, what was ordered, who asked."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from platform_api.core.admin.cells import Excerpt, Json, Mono, Prose, Ref, Status
from platform_api.core.admin.sections import Facts, Log, Section, Table, newest
from platform_api.core.ids import Prefix
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.selectors.stories import LOG_LINES, RunLog, parameters_shown

SHOWN = 50


def ordered_rows(row: ProvisioningRequest | Resource | Run) -> list[tuple[str, object]]:
    """Return what was ordered."""
    version, plan = row.offering_version, row.plan
    return [
        ("Offering", Ref(prefix=Prefix.OFFERING, id=version.offering_id, text=version.offering.slug)),
        ("Version", Ref(prefix=Prefix.OFFERING_VERSION, id=version.pk, text=version.version)),
        ("Plan", plan.slug),
        ("Price", f"{plan.monthly_amount} {plan.currency} a month"),
        ("Points", plan.quota_points),
        ("Parameters", Json(parameters_shown(row.parameters, version.parameters_schema))),
    ]


def requester_of(request: ProvisioningRequest) -> Ref:
    """Return who asked, as they were called then."""
    return Ref(prefix=Prefix.USER, id=request.requested_by_id, text=request.requested_by_name)


def failure_section(failure: Mapping[str, Any] | None) -> list[Section]:
    """Return why something did not work; nothing where it did."""
    if failure is None:
        return []
    return [
        Facts(
            title="Failure",
            rows=[
                ("Code", Mono(str(failure.get("code", "")))),
                ("Class", failure.get("class", "")),
                ("What is wrong", Prose(str(failure.get("detail", "")))),
                ("What to do", Prose(str(failure.get("remedy", "")))),
                ("Resource usable", failure.get("resource_usable")),
                ("Worth repeating", failure.get("repeatable")),
                ("Objects left", [Mono(address) for address in failure.get("objects_left", [])] or "none"),
            ],
        )
    ]


def run_sections(run: Run, log: RunLog) -> Sequence[Section]:
    """Return all that a run tells: how it stands, its steps, its plan, why it failed, its log."""
    steps = [(step["name"], Status(step["status"]), f"{step['seconds']:.1f}") for step in run.steps]
    return [
        Facts(title="Where it stands", rows=[*_standing_rows(run), *_cancel_rows(run)]),
        Table(title="Steps", columns=("Step", "Status", "Seconds"), rows=steps, nothing="None yet."),
        *_plan_sections(run),
        *failure_section(run.failure),
        Log(
            title="Log",
            lines=log.lines,
            note=f"The newest {LOG_LINES} lines are shown; {log.earlier} more came before." if log.earlier else "",
        ),
    ]


def _standing_rows(run: Run) -> list[tuple[str, object]]:
    progress = run.progress
    return [
        ("Status", Status(run.status)),
        ("Attempts", run.attempt),
        ("Progress", f"{progress['percent']} % ({progress['done']} of {progress['total']})" if progress else None),
        ("Asked for", run.created_at),
        ("Started", run.started_at),
        ("Finished", run.finished_at),
        ("Pool of workers", Mono(run.pool)),
        ("Held by", Mono(run.lease_owner or "")),
        ("Lease until", run.lease_until),
        ("Fencing number", run.epoch),
    ]


def _cancel_rows(run: Run) -> list[tuple[str, object]]:
    if run.cancel_requested_at is None:
        return [("Cancel", "not asked for")]
    return [("Cancel asked for", run.cancel_requested_at), ("Why cancel", Prose(run.cancel_reason))]


def _plan_sections(run: Run) -> list[Section]:
    plan = run.plan_summary
    if plan is None:
        return [Table(title="Plan", columns=(), rows=(), nothing="None yet.")]
    counts = ", ".join(f"{plan[what]} to {what}" for what in ("add", "change", "replace", "destroy"))
    sections: list[Section] = [
        Table(
            title="Plan",
            note=f"{counts}. Digest {run.plan_digest}",
            columns=("Object", "Action", "Type", "Holds data", "Changes"),
            rows=[_object_row(item) for item in plan["objects"]],
            nothing="Nothing to change.",
        )
    ]
    if plan["drifted"]:
        sections.append(
            Table(
                title="Drift that the plan met",
                columns=("Object", "Action", "Type", "Holds data", "Changes"),
                rows=[_object_row(item) for item in plan["drifted"]],
            )
        )
    return sections


def _object_row(item: Mapping[str, Any]) -> tuple[object, ...]:
    changes = [Mono(_change(change)) for change in item["changes"]]
    return Mono(item["address"]), item["action"], Mono(item["type"]), item["stateful"], changes


def _change(change: Mapping[str, Any]) -> str:
    """Return one changed attribute; a sensitive value is in no summary, and an unknown one nowhere yet."""
    if change["sensitive"]:
        return f"{change['path']}: (sensitive)"
    after = "(known after apply)" if change["known_after_apply"] else _value(change["after"])
    if change["before"] is None:
        return f"{change['path']}: {after}"
    return f"{change['path']}: {_value(change['before'])} \N{RIGHTWARDS ARROW} {after}"


def _value(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def requests_section(requests: QuerySet[ProvisioningRequest], *, more_url: str) -> Table:
    """Return the newest of some requests."""
    found, note = newest(requests, SHOWN)
    return Table(
        title="Requests",
        note=note,
        more_url=more_url if note else "",
        columns=("Request", "Operation", "Status", "By", "When", "Why"),
        rows=[
            (
                Ref(prefix=Prefix.PROVISIONING_REQUEST, id=each.pk),
                each.operation,
                Status(each.status),
                requester_of(each),
                each.created_at,
                Excerpt(each.reason),
            )
            for each in found
        ],
    )


def runs_section(runs: QuerySet[Run], *, more_url: str) -> Table:
    """Return the newest of some runs."""
    found, note = newest(runs.defer("plan_summary", "steps", "parameters"), SHOWN)
    return Table(
        title="Runs",
        note=note,
        more_url=more_url if note else "",
        columns=("Run", "Operation", "Status", "Attempts", "When", "Finished"),
        rows=[
            (
                Ref(prefix=Prefix.RUN, id=each.pk),
                each.operation,
                Status(each.status),
                each.attempt,
                each.created_at,
                each.finished_at,
            )
            for each in found
        ],
    )
