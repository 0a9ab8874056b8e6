"""What was judged is written down as a request: its row, what the policies said, and its audit event."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import F

from catalog.selectors.orderables import Orderable
from governance.services.policies import Decision, policy_decision_record
from governance.services.quotas import Taken
from platform_api.audit.services.events import event_record
from platform_api.core import clock, tracing
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix, new_id, show
from provisioning.models import ProvisioningRequest, Resource
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.ordering.judging import decision_audited, decisions_shown, taken_shown
from provisioning.states import Desired, Operation, RequestStatus


def generation_begin(resource: Resource, desired: Desired) -> None:
    """Begin a resource's next generation, which the request that is written next is for."""
    Resource.objects.filter(pk=resource.pk).update(
        generation=F("generation") + 1, desired=desired, updated_at=ClockTimestamp()
    )
    resource.generation += 1


def request_write(
    *,
    operation: Operation,
    resource: Resource,
    orderable: Orderable,
    parameters: Mapping[str, Any],
    reason: str,
    ticket: str | None,
    caller: Caller,
    decision: Decision | None = None,
    taken: Sequence[Taken] = (),
    retry_of: UUID | None = None,
) -> ProvisioningRequest:
    """Write the request of a resource's present generation; its run is made when its turn has come.

    Args:
        operation: What is asked for.
        resource: The resource, with its project and environment loaded; one that is changed, with its plan.
        orderable: What it will be.
        parameters: All of them, as they will be.
        reason: Why, in the caller's words.
        ticket: Where it is tracked.
        caller: Who asks.
        decision: What the policies said; None where they are not asked.
        taken: What was taken of quotas.
        retry_of: The request that came to nothing, and is asked for again by this one.
    """
    project, request_id = resource.project, new_id()
    quota, decisions, policy_decision_id, judged = taken_shown(taken), list[dict[str, Any]](), None, None
    if decision is not None:
        decisions = msgspec.to_builtins(decisions_shown(decision.verdict))
        policy_decision_id = policy_decision_record(
            decision=decision, subject_type="provisioning_request", subject_id=request_id, project_id=project.pk
        ).pk
        judged = decision_audited(decision.verdict, policy_decision_id)
    request = ProvisioningRequest.objects.create(
        id=request_id,
        operation=operation,
        status=RequestStatus.FULFILLING,
        project=project,
        environment=resource.environment,
        resource=resource,
        generation=resource.generation,
        offering_version_id=orderable.version_id,
        plan_id=orderable.plan_id,
        parameters=dict(parameters),
        reason=reason,
        ticket=ticket,
        requested_by_id=caller.id,
        requested_by_name=caller.name,
        requested_by_kind=caller.kind,
        on_behalf_of=caller.on_behalf_of or "",
        quota=quota,
        decisions=decisions,
        policy_decision_id=policy_decision_id,
        correlation_id=caller.correlation_id,
        traceparent=tracing.traceparent(),
        created_at=clock.now(),
    )
    is_new = operation == Operation.PROVISION
    event_record(
        caller=caller,
        action="request.submitted",
        object_type="provisioning_request",
        object_id=request_id,
        object_name=f"{operation} {resource.name}",
        team_id=project.team_id,
        project_id=project.pk,
        before=None if is_new else {"plan": resource.plan.slug, "parameters": resource.parameters},
        after={
            "operation": operation.value,
            "offering": orderable.offering,
            "version": orderable.version,
            "plan": orderable.plan,
            "environment": resource.environment.name,
            "resource": show(Prefix.RESOURCE, resource.pk),
            "parameters": dict(parameters),
            "ticket": ticket,
            "quota": quota,
            **({} if retry_of is None else {"retry_of": show(Prefix.PROVISIONING_REQUEST, retry_of)}),
        },
        reason=reason,
        policy_decision=judged,
    )
    return request
