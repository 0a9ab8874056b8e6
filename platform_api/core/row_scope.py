"""Whose rows the present work may touch, as PostgreSQL is told: the net behind the selectors.

Policies on the tables (``core.migrations.ScopedRows``) let the service's user see and change the rows of a scope alone,
whatever a query asks for. A call begins with ``NOTHING``; who authenticates it gives it the scope of its caller. What
the platform does on its own account within a call, such as recognizing a token, says so with ``platform()``. Workers,
dispatchers and commands work for everybody: their connections are opened with everything in scope.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from platform_api.core.bindings import Bound

VARIABLE = "slipway.scope"
"""PostgreSQL's name of it: ``nothing``, ``all``, or an array of the ids that rows belong to; unset is nothing."""

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class RowScope:
    """Whose rows may be touched.

    Attributes:
        is_everything: Everybody's; the rest says nothing then.
        user_id: Whose own tokens and idempotency keys.
        team_ids: Teams with all of their projects; PostgreSQL looks the projects up, so that a new one counts at once.
        project_ids: Projects.
        above_ids: The teams of these projects, of which only what stands above any project is in scope, such as the
            team's quota.
    """

    is_everything: bool = False
    user_id: UUID | None = None
    team_ids: tuple[UUID, ...] = ()
    project_ids: tuple[UUID, ...] = ()
    above_ids: tuple[UUID, ...] = ()

    @cached_property
    def values(self) -> dict[str, Any]:
        """The parameters of ``ENTER``; ids as texts, made once for all statements of a call."""
        known = _array(each for each in (self.user_id, *self.project_ids, *self.above_ids) if each is not None)
        return {
            "scope_known": ALL if self.is_everything else known,
            "scope_teams": _array(self.team_ids) if self.team_ids and not self.is_everything else None,
        }


def _array(ids: Iterable[UUID]) -> str:
    return f"{{{','.join(map(str, ids))}}}"


ENTER = (
    f"SELECT CASE WHEN teams IS NULL THEN set_config('{VARIABLE}', known, true) IS NOT NULL"  # noqa: S608 - our own name
    " ELSE row_scope_enter(known::uuid[], teams) END AS is_set"
    " FROM (SELECT %(scope_known)s::text AS known, %(scope_teams)s::uuid[] AS teams) AS given"
)
"""Sets a scope until the end of the present transaction; only the projects of teams have to be looked up for it."""

NOTHING = RowScope()
EVERYTHING = RowScope(is_everything=True)
CARRIED = RowScope()
"""Stands for one that a statement sets by itself."""

_current: ContextVar[RowScope | None] = ContextVar("row_scope", default=None)


def current() -> RowScope | None:
    """Return the scope of this thread's work; None where only the connection's own counts."""
    return _current.get()


def enter(scope: RowScope) -> None:
    """Go on with another scope, until whoever bound the present one takes it back."""
    _current.set(scope)


def bound(scope: RowScope) -> Bound[RowScope | None]:
    """Work within a scope for a while."""
    return Bound(_current, scope)


def platform() -> Bound[RowScope | None]:
    """Work on the platform's own account for a while: with everybody's rows, in the midst of somebody's call."""
    return bound(EVERYTHING)


def carried() -> Bound[RowScope | None]:
    """Send statements that set their scope by themselves, each as its own transaction."""
    return bound(CARRIED)
