"""Filters by team and project, which most lists have."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from platform_api.core.admin.filters import TextFilter, suggestions
from platform_api.tenancy.models import Project, Team


class TeamFilter(TextFilter):
    """The team that owns a row's project."""

    title, parameter_name = "team", "team"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Suggest teams."""
        return suggestions(Team, "slug")

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows of the team."""
        team = Team.objects.filter(slug=text).first()
        return self.refuse(queryset, f"There is no team {text[:40]}.") if team is None else self.of_team(queryset, team)

    def of_team(self, queryset: QuerySet[Any], team: Team) -> QuerySet[Any]:
        """Return the rows of a team; by the keys of its projects, which rows carry."""
        return queryset.filter(project_id__in=list(team.projects.values_list("pk", flat=True)))


class ProjectFilter(TextFilter):
    """A row's project."""

    title, parameter_name = "project", "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Suggest projects."""
        return suggestions(Project, "slug")

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows of the project."""
        project_id = Project.objects.filter(slug=text).values_list("pk", flat=True).first()
        if project_id is None:
            return self.refuse(queryset, f"There is no project {text[:40]}.")
        return queryset.filter(project_id=project_id)
