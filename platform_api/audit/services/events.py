"""Events are recorded, in the transaction of what they record."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from platform_api.audit.models import AuditEvent, Outcome
from platform_api.core import tracing
from platform_api.core.callers import Caller

NAME_LENGTH = 300
REASON_LENGTH = 2000


def event_record(
    *,
    caller: Caller,
    action: str,
    object_type: str,
    object_name: str,
    object_id: UUID | None = None,
    team_id: UUID | None = None,
    project_id: UUID | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    outcome: Outcome = Outcome.SUCCEEDED,
    code: str = "",
    reason: str = "",
    policy_decision: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write down what happens, so that it is kept exactly when the change is kept.

    Args:
        caller: Who does it.
        action: Noun and past verb, e.g. ``run.applied``.
        object_type: What kind of thing it is done to, as in the ids' words.
        object_name: The thing's name now.
        object_id: The thing.
        team_id: Team whose auditors may read it.
        project_id: Project that it belongs to.
        before: What was, as JSON values; never a secret.
        after: What is, as JSON values; never a secret.
        outcome: How it ended.
        code: Error code, where it was refused or failed.
        reason: Why, in a person's or a rule's words.
        policy_decision: Which rule said what, where one did.
    """
    return AuditEvent.objects.create(
        team_id=team_id,
        project_id=project_id,
        actor_id=caller.id,
        actor_name=caller.name,
        actor_kind=caller.kind,
        token_id=caller.token_id,
        auth_method=caller.auth_method,
        ip=caller.ip,
        correlation_id=caller.correlation_id,
        trace_id=tracing.trace_id(),
        action=action,
        object_type=object_type,
        object_id=object_id,
        object_name=object_name[:NAME_LENGTH],
        before=before,
        after=after,
        outcome=outcome,
        code=code,
        reason=reason[:REASON_LENGTH],
        policy_decision=policy_decision,
    )
