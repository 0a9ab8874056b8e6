"""Teams and projects as their members see them."""

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core.http.conditions import IF_NONE_MATCH, shown
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix, show
from platform_api.core.shapes import Shape
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models import Project, Team
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.selectors.projects import project_get, projects_visible, teams_visible


class TeamShape(Shape):
    """A team."""

    id: str
    slug: str
    name: str
    created_at: datetime


class ProjectShape(Shape):
    """A project."""

    id: str
    slug: str
    name: str
    team: str
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

    def find(self, request: Request, **filters: str) -> QuerySet[Any]:
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
    filters: ClassVar[dict[str, str]] = {"team": "Slug: only its projects."}

    def find(self, request: Request, **filters: str) -> QuerySet[Any]:
        """Return visible projects, of one team where asked."""
        projects = projects_visible(caller=caller_of(request))
        return projects.filter(team__slug=filters["team"]) if "team" in filters else projects

    def show(self, row: Project) -> ProjectShape:
        """Return one project in its shape."""
        return project_shape(row)


class ProjectDetail(APIView):
    """One project, by slug or id."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ}

    @extend_schema(operation_id="project_get", responses=ProjectShape, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, project: str) -> HttpResponse:
        """Show a project."""
        return shown(request, project_shape(project_get(caller=caller_of(request), project=project)))
