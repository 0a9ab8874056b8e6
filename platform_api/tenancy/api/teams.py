"""Teams and projects as their members see them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core.http.conditions import IF_NONE_MATCH, shown
from platform_api.core.http.document.operations import operation
from platform_api.core.http.filters import Filter, Named
from platform_api.core.http.paging import BY_TIME
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix, show
from platform_api.core.shapes import ProjectId, Shape, TeamId
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models import Project, Team
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.selectors.projects import project_get, projects_visible, teams_visible

BY_SLUG = {**BY_TIME, "slug": "slug"}


class TeamShape(Shape):
    """A team."""

    id: TeamId
    slug: str
    name: str
    created_at: datetime


class ProjectShape(Shape):
    """A project."""

    id: ProjectId
    slug: str
    name: str
    team: str
    """Slug of the team that owns it."""

    created_at: datetime


def project_shape(project: Project) -> ProjectShape:
    """Return a project as its members see it."""
    return ProjectShape(
        id=show(Prefix.PROJECT, project.pk),
        slug=project.slug,
        name=project.name,
        team=project.team.slug,
        created_at=project.created_at,
    )


class TeamList(ListView):
    """The teams that the caller has a role on."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ}
    noun = "team"
    shape = TeamShape
    sorts: ClassVar[Mapping[str, str]] = BY_SLUG

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return visible teams."""
        return teams_visible(caller=caller_of(request))

    def show(self, row: Team) -> TeamShape:
        """Return one team in its shape."""
        return TeamShape(id=show(Prefix.TEAM, row.pk), slug=row.slug, name=row.name, created_at=row.created_at)


class ProjectList(ListView):
    """The projects that the caller may see."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ}
    noun = "project"
    shape = ProjectShape
    filters: ClassVar[Mapping[str, Filter]] = {
        "team": Named(
            description="Slug or id: only its projects.",
            prefix=Prefix.TEAM,
            lookup="team_id",
            slug_lookup="team__slug",
        )
    }
    sorts: ClassVar[Mapping[str, str]] = BY_SLUG

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return visible projects."""
        return projects_visible(caller=caller_of(request))

    def show(self, row: Project) -> ProjectShape:
        """Return one project in its shape."""
        return project_shape(row)


class ProjectDetail(APIView):
    """One project, by slug or id."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ}

    @operation("project_get", responses={200: ProjectShape}, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, project: str) -> HttpResponse:
        """Show a project."""
        return shown(request, project_shape(project_get(caller=caller_of(request), project=project)))
