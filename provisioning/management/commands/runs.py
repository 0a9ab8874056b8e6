"""``runs doctor`` explains what is not final; ``runs fail`` ends a run that nothing else ends."""

import json
import logging
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis import RedisError

from platform_api.core.callers import system_caller
from platform_api.core.errors import SlipwayError
from platform_api.core.http.health import broker_check
from provisioning.dispatch import dispatchers_connected
from provisioning.selectors.doctor.findings import Finding, Report
from provisioning.selectors.doctor.report import report_make, run_is_final
from provisioning.services.giving_up import run_give_up

logger = logging.getLogger(__name__)

WELL, IN_NEED, UNUSABLE = 0, 1, 2
"""Exit codes of the doctor: nothing needs a person; something does; the question makes no sense."""


class Command(BaseCommand):
    help = "Look after runs."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        doctor = actions.add_parser(
            "doctor",
            help="explain every run that is not final, and every request without a run: who holds it, what it waits "
            "for, what to do; exits with 1 where something needs a person",
        )
        doctor.add_argument("runs", nargs="*", metavar="RUN_ID", help="these only")
        doctor.add_argument("--json", action="store_true", help="for programs")
        doctor.add_argument("--limit", type=int, default=100, help="tell of so many; those that need a person first")
        fail = actions.add_parser(
            "fail",
            help="end a run as errored, whoever holds it; what it may have made is listed and stays the resource's",
        )
        fail.add_argument("run", metavar="RUN_ID")
        fail.add_argument("--reason", required=True, help="why; kept in the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "fail":
                self._fail(options["run"], options["reason"])
            else:
                self._doctor(options["runs"], limit=options["limit"], as_json=options["json"])
        except SlipwayError as error:
            raise CommandError(f"{error.detail} {error.remedy}".strip(), returncode=UNUSABLE) from error

    def _fail(self, run: str, reason: str) -> None:
        if not reason.strip():
            msg = "A reason is needed: it is all that the audit trail will tell."
            raise CommandError(msg, returncode=UNUSABLE)
        ended = run_give_up(run=run, reason=reason, caller=system_caller("runs fail"))
        left = ", ".join((ended.failure or {}).get("objects_left", ()))
        self.stdout.write(f"{run} is errored; resource {ended.resource.name} is {ended.resource.status}.")
        if left:
            self.stdout.write(f"What exists or may exist: {left}")

    def _doctor(self, runs: list[str], *, limit: int, as_json: bool) -> None:
        broker_answers = _broker_answers()
        report = report_make(runs=runs, limit=limit, dispatchers=dispatchers_connected(), broker_answers=broker_answers)
        if as_json:
            self.stdout.write(json.dumps({"broker_answers": broker_answers, **report.as_json()}, indent=2))
        else:
            for run in runs:
                if run_is_final(run):
                    self.stdout.write(f"{run} is final.\n")
            for finding in report.findings:
                self.stdout.write(text_of(finding) + "\n")
            self.stdout.write(_sum(report))
        if report.in_need:
            msg = f"{report.in_need} of {report.total} need a person."
            raise CommandError(msg, returncode=IN_NEED)


def text_of(finding: Finding) -> str:
    """Return a finding as people read it."""
    now = finding.now
    held = finding.holder
    owner = f"host {held.host}, process {held.process}, epoch {held.epoch}" if held else "nobody"
    line = finding.last_line
    rows = [
        ("held by", f"{owner}; attempt {finding.attempt}" if finding.attempt is not None else owner),
        ("since", _moment(finding.since, now)),
        ("waits for", finding.verdict.waits_for),
        ("last sign", _moment(finding.last_sign_at, now)),
        ("deadline", _moment(finding.deadline, now)),
        ("last line", f"{line['line']} ({_moment(datetime.fromisoformat(line['at']), now)})" if line else ""),
        ("to do", finding.verdict.remedy),
    ]
    mark = "! " if finding.verdict.needs_person else "  "
    title = f"{mark}{finding.id}  {finding.operation} {finding.resource} in {finding.project}: {finding.status}"
    return "\n".join([title, *(f"    {name:<10}{told}" for name, told in rows if told)])


def _moment(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    seconds = (now - moment).total_seconds()
    word = f"{_length(seconds)} ago" if seconds >= 0 else f"in {_length(-seconds)}"
    return f"{moment.isoformat(sep=' ', timespec='seconds')}, {word}"


def _length(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _sum(report: Report) -> str:
    if not report.total:
        return "Everything that was asked for is final."
    hidden = report.total - len(report.findings)
    more = f", {hidden} of them not shown (--limit)" if hidden else ""
    return f"{report.total} not final{more}; {report.in_need} need a person."


def _broker_answers() -> bool:
    try:
        broker_check()
    except (RedisError, OSError) as error:
        logger.info("the broker does not answer: %s", error)
        return False
    return True
