"""Tokens as their owners and overseers may see them."""

from typing import TypedDict

from django.db.models import Q, QuerySet

from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix, UnknownIdError, parse
from platform_api.tenancy.models import ApiToken, Project, Team


def token_used(*, caller: Caller) -> ApiToken | None:
    """Return the token that a call is made with; None for a call that is made without one."""
    if caller.token_id is None:
        return None
    return _shown().get(pk=caller.token_id)


def tokens_visible(*, caller: Caller) -> QuerySet[ApiToken]:
    """Return the caller's own tokens; an overseer's are all.

    A token that is narrowed to a team or project shows no more than those that are narrowed to it too.
    """
    rows = _shown()
    if caller.is_overseer:
        return rows
    own, used = rows.filter(user_id=caller.user_id), token_used(caller=caller)
    if used is None or (used.team_id is None and used.project_id is None):
        return own
    if used.project_id is not None:
        return own.filter(project_id=used.project_id)
    return own.filter(Q(team_id=used.team_id) | Q(project__team_id=used.team_id))


def _shown() -> QuerySet[ApiToken]:
    return ApiToken.objects.select_related("user", "team", "project").defer("digest", "user__password")


def token_get(*, caller: Caller, token: str) -> ApiToken:
    """Return a token by id.

    Raises:
        UnknownIdError: There is none, or the caller may not see it; the answers are the same.
    """
    found = tokens_visible(caller=caller).filter(pk=parse(Prefix.API_TOKEN, token)).first()
    if found is None:
        raise UnknownIdError
    return found


class NamedRole(TypedDict):
    """A role on a project, or on a team and all of its projects, by their slugs."""

    role: str
    team: str
    project: str | None


def roles_named(*, caller: Caller) -> list[NamedRole]:
    """Return the roles that count for a caller, as people name them."""
    teams = Team.objects.filter(pk__in=list(caller.team_roles))
    projects = Project.objects.select_related("team").filter(pk__in=list(caller.project_roles))
    on_teams = [
        NamedRole(role=role, team=team.slug, project=None)
        for team in teams
        for role in sorted(caller.team_roles[team.pk])
    ]
    on_projects = [
        NamedRole(role=role, team=project.team.slug, project=project.slug)
        for project in projects
        for role in sorted(caller.project_roles[project.pk])
    ]
    return on_teams + on_projects
