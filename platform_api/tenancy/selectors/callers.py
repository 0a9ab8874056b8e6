"""Who holds a token, with all roles that count for it, in one query; and who has logged in."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Model, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from platform_api.core.callers import Caller, CallerKind
from platform_api.tenancy.models import (
    ApiToken,
    ProjectGroupPermission,
    ProjectUserPermission,
    TeamGroupPermission,
    TeamUserPermission,
    User,
)
from platform_api.tenancy.models.scopes import ALL


def _grants(model: type[Model], *, of: str, user: str, **columns: str) -> ArraySubquery:
    rows: QuerySet[Model] = QuerySet(model).filter(**{of: OuterRef(user)})
    return ArraySubquery(
        rows.values(grant=JSONObject(role=F("permission__codename"), **{k: F(v) for k, v in columns.items()}))
    )


_TEAM = {"team": "content_object_id"}
_PROJECT = {"project": "content_object_id", "team": "content_object__team_id"}


def _all_grants(*, user: str) -> dict[str, ArraySubquery]:
    """Return the columns with a user's roles, given to the user or to a group.

    Args:
        user: Column of the outer query that holds the user's key.
    """
    return {
        "user_team_grants": _grants(TeamUserPermission, of="user_id", user=user, **_TEAM),
        "group_team_grants": _grants(TeamGroupPermission, of="group__user", user=user, **_TEAM),
        "user_project_grants": _grants(ProjectUserPermission, of="user_id", user=user, **_PROJECT),
        "group_project_grants": _grants(ProjectGroupPermission, of="group__user", user=user, **_PROJECT),
    }


def caller_of_token(*, digest: str) -> tuple[ApiToken, Caller] | None:
    """Return the token with this digest and its holder, or None where there is none in force.

    Whether it has expired, and where it may be used from, is for the service to judge; so is where the call comes from.
    """
    token = (
        ApiToken.objects.select_related("user", "project")
        .filter(digest=digest, revoked_at=None, user__is_active=True)
        .annotate(**_all_grants(user="user_id"))
        .first()
    )
    if token is None:
        return None
    team_grants, project_grants = _granted(token)
    team_roles, project_roles = _roles("team", team_grants), _roles("project", project_grants)
    teams_above = _teams_above(project_grants)
    is_bound = token.team_id is not None or token.project_id is not None
    if is_bound:
        team_roles, project_roles = _within_binding(token, team_roles, project_grants)
        bound_to = token.team_id if token.project is None else token.project.team_id
        teams_above = frozenset({bound_to} if bound_to and project_roles else ())
    caller = Caller(
        id=token.user_id,
        name=token.user.username,
        kind=CallerKind(token.user.kind),
        auth_method="api_token",
        token_id=token.pk,
        scopes=frozenset(token.scopes),
        team_roles=team_roles,
        project_roles=project_roles,
        teams_above=teams_above,
        is_auditor=token.user.is_auditor and not is_bound,
        is_platform_admin=token.user.is_platform_admin and not is_bound,
        on_behalf_of=token.on_behalf_of or None,
    )
    return token, caller


def _within_binding(
    token: ApiToken, team_roles: Mapping[UUID, frozenset[str]], project_grants: Iterable[Mapping[str, Any]]
) -> tuple[dict[UUID, frozenset[str]], dict[UUID, frozenset[str]]]:
    """Return the roles that count for a token that is narrowed to a team or project: on teams, and on projects.

    A binding takes away and gives nothing: where there is no role, nothing is seen either. An overseer, who sees all,
    sees what the token is for.
    """
    if token.project is not None:
        of_team = team_roles.get(token.project.team_id, frozenset())
        roles = of_team | _roles("project", project_grants).get(token.project.pk, frozenset())
        return {}, {token.project.pk: roles} if roles or token.user.is_overseer else {}
    on_team = {team: roles for team, roles in team_roles.items() if team == token.team_id}
    if token.user.is_overseer and token.team_id is not None:
        on_team.setdefault(token.team_id, frozenset())
    return on_team, _roles("project", [grant for grant in project_grants if UUID(grant["team"]) == token.team_id])


def _granted(found: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what ``_all_grants`` brought along with a row: roles on teams, and on projects."""
    return found.user_team_grants + found.group_team_grants, found.user_project_grants + found.group_project_grants


def _teams_above(project_grants: Iterable[Mapping[str, Any]]) -> frozenset[UUID]:
    return frozenset(UUID(grant["team"]) for grant in project_grants)


def _roles(key: str, grants: Iterable[Mapping[str, Any]]) -> dict[UUID, frozenset[str]]:
    roles: defaultdict[UUID, set[str]] = defaultdict(set)
    for grant in grants:
        roles[UUID(grant[key])].add(grant["role"])
    return {where: frozenset(names) for where, names in roles.items()}


def caller_of_person(*, user: User, ip: str | None, correlation_id: str) -> Caller:
    """Return who calls the API in a browser where they have logged in: with all their roles, and for every use.

    Args:
        user: Whose session it is.
        ip: Address the call came from.
        correlation_id: The exchange.
    """
    team_grants, project_grants = _granted(User.objects.annotate(**_all_grants(user="pk")).only("pk").get(pk=user.pk))
    return replace(
        caller_of_session(user=user, ip=ip, correlation_id=correlation_id),
        scopes=ALL,
        team_roles=_roles("team", team_grants),
        project_roles=_roles("project", project_grants),
        teams_above=_teams_above(project_grants),
    )


def caller_of_session(*, user: User, ip: str | None, correlation_id: str) -> Caller:
    """Return who acts on the admin site.

    What is done there is done by being an overseer; roles on teams and projects count for nothing, and are not read.
    """
    return Caller(
        id=user.pk,
        name=user.username,
        kind=CallerKind(user.kind),
        auth_method="session",
        is_auditor=user.is_auditor,
        is_platform_admin=user.is_platform_admin,
        ip=ip,
        correlation_id=correlation_id,
    )


def caller_logging_in(*, user: User, ip: str | None, correlation_id: str) -> Caller:
    """Return who is about to have a session: their word is taken for nothing but the steps of the log-in."""
    return replace(caller_of_session(user=user, ip=ip, correlation_id=correlation_id), auth_method="log_in")
