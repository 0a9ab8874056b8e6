"""Projects and teams as a caller may see them; every other query starts from these."""

from collections.abc import Mapping
from typing import TypedDict
from uuid import UUID

from django.db.models import Q, QuerySet, Subquery

from platform_api.core.callers import Caller
from platform_api.core.errors import ForbiddenError, Tenant
from platform_api.core.ids import Prefix, UnknownIdError, is_id, parse
from platform_api.tenancy.models import Project, Team
from platform_api.tenancy.models.roles import OVERSEER_RIGHTS, Right, rights_of, roles_with
from platform_api.tenancy.selectors.sight import Sight


class RoleMissingError(ForbiddenError):
    """The caller sees it, but has no role that carries this right."""

    code = "role_missing"
    title = "Your roles do not allow this"


def projects_visible(*, caller: Caller) -> QuerySet[Project]:
    """Return the projects that the caller may see; an overseer's are all."""
    return projects_in_sight(Sight.of(caller))


def projects_in_sight(sight: Sight) -> QuerySet[Project]:
    """Return the projects that are seen, with their teams."""
    return Project.objects.select_related("team").filter(sight.condition(team="team_id", project="pk"))


def project_named(slug: str) -> Subquery:
    """Return the id of a project, for a condition of a query that begins with what its caller sees."""
    return Subquery(Project.objects.filter(slug=slug).values("pk")[:1])


def teams_visible(*, caller: Caller) -> QuerySet[Team]:
    """Return the teams that the caller has a role on, or in a project of."""
    return Team.objects.filter(Sight.of(caller).condition(team="pk", project="projects__pk")).distinct()


def project_get(*, caller: Caller, project: str, right: Right = Right.VIEW) -> Project:
    """Return a project by slug or id, if the caller may do this there.

    Raises:
        UnknownIdError: There is none, or the caller may not see it; the answers are the same.
        RoleMissingError: Seen, but the right is missing; names the roles that carry it.
    """
    named = Q(pk=parse(Prefix.PROJECT, project)) if is_id(Prefix.PROJECT, project) else Q(slug=project)
    found = projects_visible(caller=caller).filter(named).first()
    if found is None:
        raise UnknownIdError
    right_require(caller=caller, right=right, team_id=found.team_id, project_id=found.pk, where=found.slug)
    return found


def rights_in(*, caller: Caller, team_id: UUID, project_id: UUID) -> frozenset[Right]:
    """Return what the caller may do in a project."""
    overseeing = OVERSEER_RIGHTS if caller.is_overseer else frozenset[Right]()
    return rights_of(caller.roles_in(team_id=team_id, project_id=project_id)) | overseeing


def right_require(*, caller: Caller, right: Right, team_id: UUID, project_id: UUID, where: str) -> None:
    """Refuse what the caller's roles do not carry.

    Args:
        caller: Who asks.
        right: What is asked for.
        team_id: Team that owns the project.
        project_id: The project.
        where: Its slug, for the error text.

    Raises:
        RoleMissingError: Says which roles carry the right.
    """
    if right not in rights_in(caller=caller, team_id=team_id, project_id=project_id):
        names = " or ".join(roles_with(right))
        msg = f"This needs the role {names} in project {where}."
        tenant = Tenant(team_id=team_id, project_id=project_id)
        raise RoleMissingError(msg, remedy="Ask an admin of the project's team to give you the role.", tenant=tenant)


class AuditScope(TypedDict):
    """Whose events a caller may read; the arguments of ``audit.selectors.events.events_readable``."""

    is_overseer: bool
    team_ids: list[UUID]
    project_ids: list[UUID]


def audit_places(*, caller: Caller) -> tuple[QuerySet[Team], QuerySet[Project]] | None:
    """Return the teams and the projects whose events a caller may read; None for everybody's.

    Raises:
        RoleMissingError: Nobody's.
    """
    scope = audit_scope(caller=caller)
    if scope["is_overseer"]:
        return None
    teams, projects = Team.objects.filter(pk__in=scope["team_ids"]), Project.objects.filter(pk__in=scope["project_ids"])
    return teams, projects


def audit_scope(*, caller: Caller) -> AuditScope:
    """Return whose events a caller may read: everybody's, or those of the teams and projects that they administer.

    Raises:
        RoleMissingError: Nobody's.
    """

    def readable(roles: Mapping[UUID, frozenset[str]]) -> list[UUID]:
        return [where for where, names in roles.items() if Right.READ_AUDIT in rights_of(names)]

    scope = AuditScope(
        is_overseer=caller.is_overseer,
        team_ids=readable(caller.team_roles),
        project_ids=readable(caller.project_roles),
    )
    if not any(scope.values()):
        names = " or ".join(roles_with(Right.READ_AUDIT))
        msg = f"The audit trail is read by auditors, and by whoever is {names} of a team or project."
        raise RoleMissingError(msg, remedy="Ask an admin of your team, or an auditor.")
    return scope
