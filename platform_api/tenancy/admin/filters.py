"""Filters by team, project and user, which most lists have."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

from platform_api.core.admin.filters import NamedFilter
from platform_api.tenancy.models import Project, Team, User


class TeamFilter(NamedFilter):
    """A row's team."""

    title, parameter_name, column = "team", "team", "team_id"
    model, noun = Team, "team"


class TeamOfProjectFilter(TeamFilter):
    """The team that owns a row's project."""

    def of(self, queryset: QuerySet[Any], key: UUID) -> QuerySet[Any]:
        """Return the rows of a team; by the keys of its projects, which rows carry."""
        projects = Project.objects.filter(team_id=key).values_list("pk", flat=True)
        return queryset.filter(project_id__in=list(projects))


class ProjectFilter(NamedFilter):
    """A row's project."""

    title, parameter_name, column = "project", "project", "project_id"
    model, noun = Project, "project"


class UserFilter(NamedFilter):
    """A user; by the key that rows carry, so that a renamed user is still found."""

    title, parameter_name = "actor", "actor"
    model, noun, named_by = User, "user", "username"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Suggest nobody: there are too many to choose among."""
        return []
