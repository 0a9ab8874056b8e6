"""Who holds a token, with all roles that count for it, in one query; and who has logged in."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
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


def _grants(model: type[Model], *, of: str, **columns: str) -> ArraySubquery:
    rows: QuerySet[Model] = QuerySet(model).filter(**{of: OuterRef("user_id")})
    return ArraySubquery(
        rows.values(grant=JSONObject(role=F("permission__codename"), **{k: F(v) for k, v in columns.items()}))
    )


_TEAM = {"team": "content_object_id"}
_PROJECT = {"project": "content_object_id", "team": "content_object__team_id"}


def caller_of_token(*, digest: str) -> tuple[ApiToken, Caller] | None:
    """Return the token with this digest and its holder, or None where there is none in force.

    Whether it has expired, and where it may be used from, is for the service to judge; so is where the call comes from.
    """
    token = (
        ApiToken.objects.select_related("user", "project")
        .filter(digest=digest, revoked_at=None, user__is_active=True)
        .annotate(
            user_team_grants=_grants(TeamUserPermission, of="user_id", **_TEAM),
            group_team_grants=_grants(TeamGroupPermission, of="group__user", **_TEAM),
            user_project_grants=_grants(ProjectUserPermission, of="user_id", **_PROJECT),
            group_project_grants=_grants(ProjectGroupPermission, of="group__user", **_PROJECT),
        )
        .first()
    )
    if token is None:
        return None
    team_roles = _roles("team", token.user_team_grants + token.group_team_grants)
    project_grants = token.user_project_grants + token.group_project_grants
    is_bound = token.team_id is not None or token.project_id is not None
    if token.team_id is not None:
        team_roles = {token.team_id: team_roles.get(token.team_id, frozenset())}
        project_grants = [grant for grant in project_grants if UUID(grant["team"]) == token.team_id]
    project_roles = _roles("project", project_grants)
    if token.project is not None:
        of_team = team_roles.get(token.project.team_id, frozenset())
        project_roles = {token.project.pk: project_roles.get(token.project.pk, frozenset()) | of_team}
        team_roles = {}
    caller = Caller(
        id=token.user_id,
        name=token.user.username,
        kind=CallerKind(token.user.kind),
        auth_method="api_token",
        token_id=token.pk,
        scopes=frozenset(token.scopes),
        team_roles=team_roles,
        project_roles=project_roles,
        is_auditor=token.user.is_auditor and not is_bound,
        is_platform_admin=token.user.is_platform_admin and not is_bound,
        on_behalf_of=token.on_behalf_of or None,
    )
    return token, caller


def _roles(key: str, grants: Iterable[Mapping[str, Any]]) -> dict[UUID, frozenset[str]]:
    roles: defaultdict[UUID, set[str]] = defaultdict(set)
    for grant in grants:
        roles[UUID(grant[key])].add(grant["role"])
    return {where: frozenset(names) for where, names in roles.items()}


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
