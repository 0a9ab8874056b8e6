"""The doctor's report: everything that is not final, explained. For people who operate Slipway, whatever the tenant."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from platform_api.core.ids import Prefix, UnknownIdError, parse
from provisioning.models import Run
from provisioning.selectors.doctor.findings import Finding, Report
from provisioning.selectors.doctor.requests import request_finding, requests_unbegun
from provisioning.selectors.doctor.runs import lines_of, run_finding, runs_unfinished, surroundings_of
from provisioning.states import FINAL_RUN


def report_make(*, dispatchers: int, broker_answers: bool, runs: Collection[str] = (), limit: int = 100) -> Report:
    """Return what is not final, and why; its cost follows from how much that is, not from how much has ended.

    Args:
        dispatchers: How many are connected to the database.
        broker_answers: Whether the broker does.
        runs: Ids of those that are asked for; of a final one nothing is told. None at all: everything.
        limit: How many findings are told of; the rest is counted.

    Raises:
        UnknownIdError: There is no such run.
    """
    wanted = {run_id_known(run) for run in runs}
    live = list(runs_unfinished())
    around = surroundings_of(live, dispatchers=dispatchers, broker_answers=broker_answers)
    findings = {run.pk: run_finding(run, around) for run in live if not wanted or run.pk in wanted}
    if not wanted:
        findings |= {request.pk: request_finding(request, around) for request in requests_unbegun()}
    order = sorted(findings, key=lambda pk: (not findings[pk].verdict.needs_person, findings[pk].since, pk))
    shown = {pk: findings[pk] for pk in order[:limit]}
    return Report(
        findings=tuple(_with_lines(shown)),
        total=len(findings),
        in_need=sum(finding.verdict.needs_person for finding in findings.values()),
    )


def _with_lines(findings: dict[UUID, Finding]) -> list[Finding]:
    told = lines_of([pk for pk, finding in findings.items() if finding.kind == "run"])
    completed = []
    for pk, finding in findings.items():
        moved_at, line = told.get(pk, (None, None))
        completed.append(replace(finding, since=moved_at or finding.since, last_line=line))
    return completed


def run_id_known(run: str) -> UUID:
    """Return the database's form of a run's id.

    Raises:
        UnknownIdError: It names none.
    """
    run_id = parse(Prefix.RUN, run)
    if not Run.objects.filter(pk=run_id).exists():
        raise UnknownIdError
    return run_id


def run_is_final(run: str) -> bool:
    """Tell whether a run has ended.

    Raises:
        UnknownIdError: There is no such run.
    """
    return Run.objects.filter(pk=run_id_known(run), status__in=FINAL_RUN).exists()
