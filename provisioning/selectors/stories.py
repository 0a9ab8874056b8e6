"""What happened, for who reads it as a whole: a request with its decisions, runs, logs and events.

Nothing that is sealed is read from the database, and everything is bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from catalog.selectors.offerings import long_columns
from governance.models import PolicyDecision
from platform_api.audit.models import AuditEvent
from platform_api.audit.selectors.stories import events_of_story
from provisioning.models import Credential, LogLine, ProvisioningRequest, Resource, Run, StateVersion

LOG_LINES = 500
RUNS = 10
EVENTS = 200

HIDDEN = "(hidden: the module says that it is a secret)"


@dataclass(frozen=True, kw_only=True)
class RunLog:
    """The end of a run's log.

    Attributes:
        lines: The newest ones, the oldest of them first.
        earlier: How many there are before them.
    """

    lines: list[LogLine]
    earlier: int


@dataclass(frozen=True, kw_only=True)
class RequestStory:
    """A request with all that came of it.

    Attributes:
        decisions: What policies said of the request and of its plans, the oldest first.
        runs: The newest ones, the oldest of them first, each with its log.
        events: The first ones, in the order in which they happened.
        has_more_runs: Whether there are earlier runs.
        has_more_events: Whether there are later events.
    """

    request: ProvisioningRequest
    decisions: list[PolicyDecision]
    runs: list[tuple[Run, RunLog]]
    events: list[AuditEvent]
    has_more_runs: bool
    has_more_events: bool


def requests_listed() -> QuerySet[ProvisioningRequest]:
    """Return requests with what names them and their surroundings."""
    return ProvisioningRequest.objects.select_related(
        "project__team", "environment", "resource", "offering_version__offering", "plan"
    ).defer(*long_columns("offering_version"))


def runs_told() -> QuerySet[Run]:
    """Return runs with what names them and their surroundings."""
    return Run.objects.select_related(
        "project__team", "resource", "offering_version__offering", "plan", "provisioning_request"
    ).defer(*long_columns("offering_version"))


def runs_listed() -> QuerySet[Run]:
    """Return the same without what only a page shows; deferring adds to what is deferred already."""
    return runs_told().defer("plan_summary", "steps", "parameters", "failure")


def resources_listed() -> QuerySet[Resource]:
    """Return resources with what names them and their surroundings."""
    return Resource.objects.select_related(
        "project__team", "environment", "offering_version__offering", "plan", "connection"
    ).defer("connection__credentials", *long_columns("offering_version"))


def run_log(run_id: UUID) -> RunLog:
    """Return the end of a run's log; lines are numbered without gaps, so nothing has to be counted."""
    lines = list(LogLine.objects.filter(run_id=run_id).defer("event").order_by("-sequence")[:LOG_LINES])[::-1]
    return RunLog(lines=lines, earlier=lines[0].sequence - 1 if lines else 0)


def request_story(request: ProvisioningRequest) -> RequestStory:
    """Return a request with its decisions, runs, logs and events."""
    newest_runs = list(Run.objects.filter(provisioning_request=request).order_by("-pk")[: RUNS + 1])
    runs = newest_runs[:RUNS][::-1]
    things = [("provisioning_request", request.pk), *(("run", run.pk) for run in runs)]
    events = events_of_story(things=things, correlation_id=request.correlation_id, project_id=request.project_id)
    found = list(events.order_by("pk")[: EVENTS + 1])
    return RequestStory(
        request=request,
        decisions=decisions_about([request.pk, *(run.pk for run in runs)]),
        runs=[(run, run_log(run.pk)) for run in runs],
        events=found[:EVENTS],
        has_more_runs=len(newest_runs) > RUNS,
        has_more_events=len(found) > EVENTS,
    )


def decisions_about(subjects: list[UUID]) -> list[PolicyDecision]:
    """Return what policies said of requests and runs, the oldest first; their input stays sealed."""
    kinds = ("provisioning_request", "run")
    decisions = PolicyDecision.objects.filter(subject_type__in=kinds, subject_id__in=subjects)
    return list(decisions.defer("input_sealed").order_by("pk")[:EVENTS])


def states_of(resource: Resource) -> QuerySet[StateVersion]:
    """Return the versions of a resource's state, without the states."""
    return StateVersion.objects.filter(resource=resource).defer("sealed")


def credentials_told(resource: Resource) -> QuerySet[Credential]:
    """Return all that a resource was ever given, also what was never in use, without what is sealed."""
    return Credential.objects.filter(resource=resource).defer("sealed")


def parameters_shown(parameters: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with the secret ones hidden.

    Args:
        parameters: What was asked for.
        schema: The version's JSON Schema, in which a secret parameter is ``writeOnly``.
    """
    described = schema.get("properties", {})
    return {name: HIDDEN if described.get(name, {}).get("writeOnly") else value for name, value in parameters.items()}
