"""The shapes that requests, runs and resources have for callers: one place for the API's answers and for stored ones.

What is absent is null, never a missing key; ids are TypeIDs; times are RFC 3339 in UTC.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from platform_api.core.ids import Prefix, show
from platform_api.core.shapes import Cost, RequestId, ResourceId, RunId, Shape, choice_of
from provisioning.models import LogLine, ProvisioningRequest, Resource, Run
from provisioning.selectors.credentials import CredentialsShape, credentials_shape
from provisioning.states import Desired, Operation, RequestStatus, ResourceStatus, RunStatus


class OrderedShape(Shape):
    """What was ordered."""

    slug: str
    """Of the offering."""

    version: str
    """A fixed one; later versions change nothing of what was ordered."""

    plan: str


class ResourceLinkShape(Shape):
    """A resource, named."""

    id: ResourceId
    name: str
    url: str


class RunLinkShape(Shape):
    """A run, named, with where it stands."""

    id: RunId
    status: Annotated[str, choice_of(RunStatus.choices)]
    url: str


class QuotaShape(Shape):
    """What was taken of a quota, with its figures just after."""

    kind: str
    scope: str
    """Whose it is, e.g. `project:checkout`."""

    requested: int
    """What this request takes of it."""

    used: int
    limit: int


class DecisionShape(Shape):
    """What a policy said."""

    policy: str
    set: str
    """The policy set and its version, e.g. `default@3`."""

    level: str
    outcome: str
    """E.g. `allow`, `warn` or `deny`."""

    detail: str | None


class ApprovalsShape(Shape):
    """Decisions of people: those still needed, and those given."""

    needed: list[dict[str, Any]]
    given: list[dict[str, Any]]


class RequesterShape(Shape):
    """Who asked."""

    kind: str
    name: str
    on_behalf_of: str | None
    """Who caused it, as the calling program says."""


class FailureShape(Shape):
    """Why it did not work; Terraform's own text stays in the log."""

    code: str
    """Permanent; branch on it."""

    failure_class: str = msgspec.field(name="class")
    """Whose turn it is: `retryable`, `permanent`, `policy`, `user` or `platform`."""

    detail: str
    remedy: str
    resource_usable: bool
    """Whether what was there before still works."""

    repeatable: bool
    """Whether the same ask may succeed next time without anybody changing it: `POST /api/v1/requests/{id}/retry`."""

    objects_left: list[str]
    """What an apply that did not end well left on the target."""


class RequestShape(Shape):
    """An ask."""

    id: RequestId
    operation: Annotated[str, choice_of(Operation.choices)]
    status: Annotated[str, choice_of(RequestStatus.choices)]
    offering: OrderedShape
    project: str
    environment: str
    resource: ResourceLinkShape
    run: RunLinkShape | None
    """What carries it out; null while it waits for other components."""

    quota: list[QuotaShape]
    """Stands before all that a caller can word freely, so that the ordering statement can put the figures in."""
    parameters: dict[str, Any]
    """All that counts: what you sent, and the defaults of plan and offering."""

    cost: Cost
    decisions: list[DecisionShape]
    approvals: ApprovalsShape
    reason: str
    ticket: str | None
    requested_by: RequesterShape
    failure: FailureShape | None
    created_at: datetime
    completed_at: datetime | None
    """When it became final."""


class StepShape(Shape):
    """A step of a run."""

    name: str
    status: str
    seconds: float
    """How long it took, or has taken until now."""


class ProgressShape(Shape):
    """How far an apply is."""

    percent: int
    done: int
    """Objects that are dealt with."""

    total: int
    current: str
    """Terraform's address of what it works on."""


class PlanChangeShape(Shape):
    """One attribute that a plan changes; a sensitive value is null."""

    path: str
    before: Any
    after: Any
    sensitive: bool
    known_after_apply: bool


class PlanObjectShape(Shape):
    """One object that a plan changes."""

    address: str
    type: str
    action: str
    stateful: bool
    changes: list[PlanChangeShape]


class PlanShape(Shape):
    """What the run's plan does."""

    digest: str
    """Of the saved plan; that very plan is applied."""

    add: int
    change: int
    replace: int
    destroy: int
    objects: list[PlanObjectShape]
    drifted: list[PlanObjectShape]
    """What had changed on the target behind Slipway's back."""


class RunShape(Shape):
    """An execution."""

    id: RunId
    operation: Annotated[str, choice_of(Operation.choices)]
    status: Annotated[str, choice_of(RunStatus.choices)]
    attempt: int
    """1 for the first; a run whose worker was lost is taken up again."""

    resource: ResourceId
    request: RequestId | None
    steps: list[StepShape]
    progress: ProgressShape | None
    plan: PlanShape | None
    failure: FailureShape | None
    waited_seconds: float | None
    """How long it waited for a worker; null until one took it."""

    cancel_requested_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class LogLineShape(Shape):
    """One line of a run's log."""

    sequence: int
    """Counts up within the run, without gaps."""

    at: datetime
    source: str
    level: str
    line: str
    event: dict[str, Any] | None


class OrderedResourceShape(Shape):
    """What a resource is an instance of."""

    slug: str
    version: str
    plan: str
    newest_version: str
    """What an update could go to."""


class OwnerShape(Shape):
    """Whose it is."""

    team: str


class LinksShape(Shape):
    """Where its story is told."""

    audit: str


class ResourceShape(Shape):
    """What exists."""

    id: ResourceId
    name: str
    kind: str
    """How the catalog groups it, e.g. `database`."""

    status: Annotated[str, choice_of(ResourceStatus.choices)]
    desired: Annotated[str, choice_of(Desired.choices)]
    offering: OrderedResourceShape
    project: str
    environment: str
    owner: OwnerShape
    parameters: dict[str, Any]
    outputs: dict[str, Any] | None
    """What it tells of itself, e.g. host and port; null until it is there. Never a secret."""

    credentials: CredentialsShape | None
    """Null for an offering that hands out none."""

    active_run: RunLinkShape | None
    """What works on it now."""

    delete_protected: bool
    expires_at: datetime | None
    """When its environment goes; null where it stays."""

    cost: Cost
    links: LinksShape
    created_at: datetime
    updated_at: datetime


def request_url(request_id: UUID) -> str:
    """Return where a request is."""
    return f"/api/v1/requests/{show(Prefix.PROVISIONING_REQUEST, request_id)}"


def retry_url(request_id: UUID) -> str:
    """Return where a request that came to nothing is asked for again."""
    return f"{request_url(request_id)}/retry"


def resource_url(resource_id: UUID) -> str:
    """Return where a resource is."""
    return f"/api/v1/resources/{show(Prefix.RESOURCE, resource_id)}"


def run_link(run_id: UUID, status: str) -> RunLinkShape:
    """Return a run as it is named elsewhere."""
    shown = show(Prefix.RUN, run_id)
    return RunLinkShape(id=shown, status=status, url=f"/api/v1/runs/{shown}")


def _told_link(run: dict[str, str] | None) -> RunLinkShape | None:
    return None if run is None else run_link(UUID(run["id"]), run["status"])


def failure_shape(failure: dict[str, Any] | None) -> FailureShape | None:
    """Return a kept failure in its shape."""
    return None if failure is None else msgspec.convert(failure, FailureShape)


def request_shape(request: ProvisioningRequest) -> RequestShape:
    """Return a request as callers see it.

    Args:
        request: One of ``requests_seen``.
    """
    resource, plan = request.resource, request.plan
    return RequestShape(
        id=show(Prefix.PROVISIONING_REQUEST, request.pk),
        operation=request.operation,
        status=request.status,
        offering=OrderedShape(
            slug=request.offering_version.offering.slug, version=request.offering_version.version, plan=plan.slug
        ),
        project=request.project.slug,
        environment=request.environment.name,
        resource=ResourceLinkShape(
            id=show(Prefix.RESOURCE, resource.pk), name=resource.name, url=resource_url(resource.pk)
        ),
        run=_told_link(request.newest_run),
        parameters=request.parameters,
        quota=msgspec.convert(request.quota, list[QuotaShape]),
        cost=Cost.of(plan.monthly_amount, plan.currency),
        decisions=msgspec.convert(request.decisions, list[DecisionShape]),
        approvals=ApprovalsShape(needed=[], given=[]),
        reason=request.reason,
        ticket=request.ticket,
        requested_by=RequesterShape(
            kind=request.requested_by_kind,
            name=request.requested_by_name,
            on_behalf_of=request.on_behalf_of or None,
        ),
        failure=failure_shape(request.failure),
        created_at=request.created_at,
        completed_at=request.completed_at,
    )


def run_shape(run: Run) -> RunShape:
    """Return a run as callers see it."""
    plan = None
    if run.plan_summary is not None:
        plan = msgspec.convert({**run.plan_summary, "digest": run.plan_digest}, PlanShape)
    waited = None if run.started_at is None else round((run.started_at - run.created_at).total_seconds(), 3)
    request_id = run.provisioning_request_id
    return RunShape(
        id=show(Prefix.RUN, run.pk),
        operation=run.operation,
        status=run.status,
        attempt=run.attempt,
        resource=show(Prefix.RESOURCE, run.resource_id),
        request=None if request_id is None else show(Prefix.PROVISIONING_REQUEST, request_id),
        steps=msgspec.convert(run.steps, list[StepShape]),
        progress=None if run.progress is None else msgspec.convert(run.progress, ProgressShape),
        plan=plan,
        failure=failure_shape(run.failure),
        waited_seconds=waited,
        cancel_requested_at=run.cancel_requested_at,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def log_line_shape(line: LogLine) -> LogLineShape:
    """Return a log line as callers see it."""
    return LogLineShape(
        sequence=line.sequence, at=line.at, source=line.source, level=line.level, line=line.line, event=line.event
    )


def resource_shape(resource: Resource, *, newest_version: str) -> ResourceShape:
    """Return a resource as callers see it.

    Args:
        resource: One of ``resources_shown``.
        newest_version: Newest published version of its offering.
    """
    version, plan = resource.offering_version, resource.plan
    shown = show(Prefix.RESOURCE, resource.pk)
    return ResourceShape(
        id=shown,
        name=resource.name,
        kind=resource.kind,
        status=resource.status,
        desired=resource.desired,
        offering=OrderedResourceShape(
            slug=version.offering.slug, version=version.version, plan=plan.slug, newest_version=newest_version
        ),
        project=resource.project.slug,
        environment=resource.environment.name,
        owner=OwnerShape(team=resource.project.team.slug),
        parameters=resource.parameters,
        outputs=resource.outputs,
        credentials=credentials_shape(resource.told_credentials, url=f"{resource_url(resource.pk)}/credentials"),
        active_run=_told_link(resource.live_run),
        delete_protected=resource.delete_protected,
        expires_at=resource.expires_at,
        cost=Cost.of(plan.monthly_amount, plan.currency),
        links=LinksShape(audit=f"/api/v1/audit-events?object={shown}"),
        created_at=resource.created_at,
        updated_at=resource.updated_at,
    )
