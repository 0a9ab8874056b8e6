"""How a run ends: one transaction for run, resource, request, quota and their audit events.

=================  =====================================================================================================
run                what becomes of the rest
=================  =====================================================================================================
applied            resource ``ready`` with outputs (``deprovisioned`` after a deprovision), request ``completed``, quota
                   committed (released)
failed, planning   nothing was changed outside: a first provision leaves no resource and gives the quota back, an
                   update leaves the resource as it was, a deprovision likewise
failed, applying   objects may remain: resource ``degraded`` and quota held, unless the newest state of a first
                   provision is known to be empty
canceled           as failed, but the request is ``canceled``
=================  =====================================================================================================
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction

from governance.services.quotas import quota_change, quota_commit
from platform_api.core.callers import Caller
from platform_api.core.failpoints import failpoint
from provisioning import metrics
from provisioning.dispatch import runs_notify
from provisioning.models import Resource, Run
from provisioning.selectors.quotas import amounts_of, project_facts
from provisioning.selectors.shapes import retry_url
from provisioning.services.environments.advancing import environment_follow
from provisioning.services.execution.claims import RELEASED, Claim, ClockTimestamp, run_move
from provisioning.services.execution.credentials import credentials_apply, credentials_discard
from provisioning.services.execution.endings import (
    RunFailure,
    request_end,
    resource_end,
    resource_lock,
    resource_move,
)
from provisioning.services.intents import run_make_missing
from provisioning.states import LIVE_RESOURCE, Desired, Operation, RequestStatus, ResourceStatus, RunStatus

CANCELED = "canceled"
"""Code of what somebody asked to stop."""


def canceled(*, objects_left: tuple[str, ...] = ()) -> RunFailure:
    """Return why a run ended that somebody asked to stop while a worker held it."""
    return RunFailure(
        code=CANCELED,
        kind="user",
        detail="It was canceled.",
        remedy="What is left goes with a deprovision of the resource." if objects_left else "",
        objects_left=objects_left,
    )


def run_applied(claim: Claim, *, status: RunStatus, outputs: Mapping[str, Any], **changes: Any) -> None:
    """End a run that did what it was for.

    Args:
        claim: The right to do so.
        status: ``applied``, or ``planned_and_finished`` where nothing was to be done.
        outputs: Outputs that everybody who sees the resource may see.
        **changes: Further columns of the run.

    Raises:
        LeaseLostError: Another worker has taken over; nothing was written.
    """
    with transaction.atomic():
        resource_lock(claim.resource_id)
        run_move(claim, status, finished_at=ClockTimestamp(), **RELEASED, **changes)
        run = Run.objects.select_related("plan", "provisioning_request", "resource__project__team").get(pk=claim.run_id)
        caller = claim.caller
        if run.operation == Operation.VERIFY:
            if run.resource.status in LIVE_RESOURCE:
                _looked(run)
                credentials_apply(caller, run.resource)
                resource_move(caller, run.resource, ResourceStatus.READY, outputs=dict(outputs))
        elif run.operation == Operation.DEPROVISION:
            resource_end(caller, run.resource, run=run, reason="deprovisioned", observed_generation=run.generation)
        else:
            credentials_apply(caller, run.resource)
            resource_move(
                claim.caller,
                run.resource,
                ResourceStatus.READY,
                outputs=dict(outputs),
                parameters=run.parameters,
                plan_id=run.plan_id,
                offering_version_id=run.offering_version_id,
                observed_generation=run.generation,
            )
            if run.operation != Operation.PROVISION:  # which holds from its order on what its plan takes
                facts = project_facts(run.resource.project)
                amounts = amounts_of(points=run.plan.quota_points, kind=run.resource.kind)
                quota_change(
                    facts=facts, subject_id=run.resource_id, amounts=amounts, caller=caller, reason=run.operation
                )
            quota_commit(subject_id=run.resource_id, caller=caller, reason=run.operation)
        request_end(caller, run, RequestStatus.COMPLETED)
        metrics.run_ended(run.operation, status)
        if run.provisioning_request is not None and run.finished_at is not None:
            asked_at = run.provisioning_request.created_at
            metrics.request_fulfilled(
                kind=run.resource.kind, operation=run.operation, asked_at=asked_at, ended_at=run.finished_at
            )
        run_make_missing(resource_id=run.resource_id, caller=caller)
        runs_notify()
        failpoint("worker.in_finish")
    environment_follow(environment_id=run.resource.environment_id, caller=caller)


def run_failed(
    claim: Claim,
    failure: RunFailure,
    *,
    has_applied: bool,
    is_canceled: bool = False,
    **changes: Any,
) -> None:
    """End a run that did not do what it was for.

    Args:
        claim: The right to do so.
        failure: Why.
        has_applied: Whether an apply was begun: without one nothing was changed outside.
        is_canceled: Somebody asked for it, rather than something having gone wrong.
        **changes: Further columns of the run.

    Raises:
        LeaseLostError: Another worker has taken over; nothing was written.
    """
    with transaction.atomic():
        resource_lock(claim.resource_id)
        of_resource = ("resource__project__team", "resource__plan", "resource__environment")
        run = Run.objects.select_related(*of_resource).get(pk=claim.run_id)
        usable = run.resource.status == ResourceStatus.READY and not has_applied
        failure = way_told(failure, run)
        if run.status == RunStatus.APPLYING:
            run_move(claim, RunStatus.RECOVERING)
        run_move(
            claim,
            RunStatus.CANCELED if is_canceled else RunStatus.ERRORED,
            failure=failure.as_json(resource_usable=usable),
            finished_at=ClockTimestamp(),
            **RELEASED,
            **changes,
        )
        unfulfilled_settle(
            claim.caller, run, failure, has_applied=has_applied, resource_usable=usable, is_canceled=is_canceled
        )
    environment_follow(environment_id=run.resource.environment_id, caller=claim.caller)


def way_told(failure: RunFailure, run: Run) -> RunFailure:
    """Return a failure that names the call which has it done after all, where the same ask may succeed.

    Args:
        failure: Why the run did not do what it was for.
        run: The run, with its resource as it stands before it is settled.
    """
    if run.provisioning_request_id is None or not (failure.is_repeatable or failure.code == CANCELED):
        return failure
    if _leaves_nothing(run, failure) or _awaits_deprovision(run):
        way = "To order it again: POST /api/v1/requests."
    else:
        what = "To retry it, which takes over what exists" if failure.objects_left else "To retry it"
        way = f"{what}: POST {retry_url(run.provisioning_request_id)}."
    return replace(failure, remedy=f"{failure.remedy} {way}".lstrip())


def _leaves_nothing(run: Run, failure: RunFailure) -> bool:
    """Tell whether a resource that was never made is gone with its first run: unless a deprovision ends it then."""
    return run.resource.status == ResourceStatus.PENDING and not failure.objects_left and not _awaits_deprovision(run)


def _awaits_deprovision(run: Run) -> bool:
    return run.resource.desired == Desired.ABSENT and run.operation != Operation.DEPROVISION


def unfulfilled_settle(
    caller: Caller,
    run: Run,
    failure: RunFailure,
    *,
    has_applied: bool,
    resource_usable: bool,
    is_canceled: bool,
) -> None:
    """Settle resource, credentials, request and quota after a run that ended without doing what it was for.

    A resource that was never made is gone with its first run, unless a deprovision waits: that ends it then.
    """
    metrics.run_ended(
        run.operation, RunStatus.CANCELED if is_canceled else RunStatus.ERRORED, failure_class=failure.kind
    )
    if run.operation == Operation.VERIFY:
        _unverified_settle(caller, run, has_applied=has_applied)
        return
    resource = run.resource
    is_deprovision = run.operation == Operation.DEPROVISION
    credentials_discard(resource.pk)
    if _leaves_nothing(run, failure):
        # A first provision left nothing: its name is free again, and so is its quota.
        resource_end(caller, run.resource, run=run, reason="nothing was made")
    elif has_applied:
        resource_move(caller, resource, ResourceStatus.DEGRADED)
    elif is_deprovision and resource.environment.desired == Desired.PRESENT:
        # In an environment that is to go it stays wanted away, and is asked for again.
        Resource.objects.filter(pk=resource.pk).update(desired=Desired.PRESENT, updated_at=ClockTimestamp())
    if resource.status == ResourceStatus.READY and not has_applied and run.operation != Operation.ROTATE:
        # It is what it was; what an update would have taken more is given back. One that is degraded may be either.
        amounts = amounts_of(points=resource.plan.quota_points, kind=resource.kind)
        facts = project_facts(resource.project)
        quota_change(facts=facts, subject_id=resource.pk, amounts=amounts, caller=caller, reason="not updated")
    status = RequestStatus.CANCELED if is_canceled else RequestStatus.FAILED
    request_end(caller, run, status, failure=failure.as_json(resource_usable=resource_usable))
    run_make_missing(resource_id=resource.pk, caller=caller)
    runs_notify()


def _looked(run: Run) -> None:
    """Forget when a resource was to be looked at, unless that was asked for anew; alone, for no caller sees it."""
    asked = Resource.objects.filter(pk=run.resource_id, status__in=LIVE_RESOURCE, verify_at__lte=run.created_at)
    asked.update(verify_at=None)


def _unverified_settle(caller: Caller, run: Run, *, has_applied: bool) -> None:
    """Settle a run that only looked: nobody had asked for it, and what is known of the resource is as it was."""
    _looked(run)
    if has_applied and run.resource.status in LIVE_RESOURCE:
        resource_move(caller, run.resource, ResourceStatus.DEGRADED)
    run_make_missing(resource_id=run.resource_id, caller=caller)
    runs_notify()
