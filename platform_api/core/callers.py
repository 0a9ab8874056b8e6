"""Who asks: one immutable value that views hand to services, and that the audit trail writes down."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Self
from uuid import UUID

from platform_api.core.row_scope import EVERYTHING, RowScope


class CallerKind(StrEnum):
    """What stands behind a call."""

    HUMAN = "human"
    SERVICE = "service"
    SYSTEM = "system"
    """The platform itself: dispatcher, worker, command."""
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """An identity as it was established for one call.

    Attributes:
        id: The user; None for the platform itself and for nobody.
        name: Name at the time of the call; kept in the audit trail when the user is renamed.
        kind: What stands behind the call.
        auth_method: How it was established: ``api_token``, ``oidc``, ``session``, ``log_in``, ``internal`` or ``none``.
        token_id: The token used, if one was.
        scopes: What the token may be used for; a session has all.
        team_roles: Role names by team id, as granted at the time of the call.
        project_roles: Role names by project id, as granted on the project itself.
        teams_above: The teams of these projects.
        is_auditor: May read everything, everywhere.
        is_platform_admin: Runs the platform.
        on_behalf_of: Whom a service acts for, e.g. a CI job: ``github:owner/repo@refs/heads/main (octocat)``.
        ip: Address the call came from, if it came over a network.
        correlation_id: Ties together all records of one exchange.
    """

    id: UUID | None
    name: str
    kind: CallerKind
    auth_method: str
    token_id: UUID | None = None
    scopes: frozenset[str] = frozenset()
    team_roles: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    project_roles: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    teams_above: frozenset[UUID] = frozenset()
    is_auditor: bool = False
    is_platform_admin: bool = False
    on_behalf_of: str | None = None
    ip: str | None = None
    correlation_id: str = ""

    @property
    def is_overseer(self) -> bool:
        """Whether everything is theirs to see."""
        return self.is_auditor or self.is_platform_admin

    @cached_property
    def sight(self) -> Hashable:
        """What follows from it alone is what the caller may see: equal for two callers who see and may do the same."""
        roles = (self.team_roles.items(), self.project_roles.items())
        return (self.is_auditor, self.is_platform_admin, *map(frozenset, roles))

    @cached_property
    def row_scope(self) -> RowScope:
        """Whose rows they may touch; what they may do with them, roles and selectors say."""
        if self.is_overseer:
            return EVERYTHING
        return RowScope(
            user_id=self.id,
            team_ids=tuple(self.team_roles),
            project_ids=tuple(self.project_roles),
            above_ids=tuple(self.teams_above),
        )

    def in_exchange(self, *, ip: str | None, correlation_id: str) -> Self:
        """Return the same identity in another call, with whatever was worked out of it before."""
        _ = self.sight, self.row_scope.values
        made = object.__new__(type(self))
        vars(made).update(vars(self), ip=ip, correlation_id=correlation_id)
        return made

    @property
    def user_id(self) -> UUID:
        """The user, where nobody calls who is none.

        Raises:
            TypeError: The platform itself calls, or nobody in particular.
        """
        if self.id is None:
            msg = f"{self.name} is no user"
            raise TypeError(msg)
        return self.id

    def roles_in(self, *, team_id: UUID, project_id: UUID) -> frozenset[str]:
        """Return the roles that count in a project: those on it and those on its team."""
        return self.team_roles.get(team_id, frozenset()) | self.project_roles.get(project_id, frozenset())


def system_caller(name: str, *, correlation_id: str = "") -> Caller:
    """Return the platform itself as a caller.

    Args:
        name: Which part acts, as auditors shall read it: ``dispatcher``, ``worker``, ``bootstrap``.
        correlation_id: The exchange that this work goes back to, if there is one.
    """
    return Caller(id=None, name=name, kind=CallerKind.SYSTEM, auth_method="internal", correlation_id=correlation_id)


def anonymous_caller(*, ip: str | None, correlation_id: str) -> Caller:
    """Return nobody in particular, for the record of a refused call."""
    return Caller(
        id=None,
        name="anonymous",
        kind=CallerKind.ANONYMOUS,
        auth_method="none",
        ip=ip,
        correlation_id=correlation_id,
    )
