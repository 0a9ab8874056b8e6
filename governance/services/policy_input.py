"""What policies are given to judge: a contract with whoever writes rules (docs/policies.md), so it is always complete.

A rule that reads a key which is missing is undefined, and allows; hence types without defaults instead of free objects.
"""

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from platform_api.core.callers import Caller


class OfferingInput(Struct, frozen=True, kw_only=True):
    """What is ordered."""

    slug: str
    kind: str
    version: str


class MoneyInput(Struct, frozen=True, kw_only=True):
    """An amount as decimal text, so that no rule sees it rounded."""

    amount: str
    currency: str


class PlanInput(Struct, frozen=True, kw_only=True):
    """In which size."""

    slug: str
    points: int
    monthly_cost: MoneyInput


class ProjectInput(Struct, frozen=True, kw_only=True):
    """For which project, and whose that is."""

    slug: str
    team: str


class EnvironmentInput(Struct, frozen=True, kw_only=True):
    """Into which environment; ``expires_at`` is a ``moment``, ``offering`` what a composed one is ordered as."""

    name: str
    tier: str
    is_ephemeral: bool
    expires_at: str | None
    offering: str | None


class CallerInput(Struct, frozen=True, kw_only=True):
    """Who asks, with the roles that count in the project."""

    name: str
    kind: str
    roles: list[str]


class RequestInput(Struct, frozen=True, kw_only=True):
    """An ask, before anything is written; ``now`` is a ``moment``, ``resource`` what is there already."""

    stage: Literal["request"] = "request"
    operation: str
    offering: OfferingInput
    plan: PlanInput
    project: ProjectInput
    environment: EnvironmentInput
    parameters: dict[str, Any]
    name: str
    reason: str
    ticket: str | None
    caller: CallerInput
    now: str
    resource: dict[str, Any] | None


def moment(at: datetime) -> str:
    """Return a time as the engine reads it: RFC 3339 in UTC, with ``+00:00``; it knows no ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def caller_input(*, caller: Caller, team_id: UUID, project_id: UUID) -> CallerInput:
    """Return a caller as policies see them in a project."""
    roles = caller.roles_in(team_id=team_id, project_id=project_id)
    return CallerInput(name=caller.name, kind=caller.kind.value, roles=sorted(roles))
