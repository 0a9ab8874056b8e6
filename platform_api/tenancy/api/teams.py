"""Teams and projects as their members see them."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from platform_api.core.http.serializers import TypeIdField
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models import Project, Team
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.selectors.projects import project_get, projects_visible, teams_visible


class TeamOutput(serializers.Serializer[Team]):
    """A team."""

    id = TypeIdField(Prefix.TEAM)
    slug = serializers.CharField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()


class ProjectOutput(serializers.Serializer[Project]):
    """A project."""

    id = TypeIdField(Prefix.PROJECT)
    slug = serializers.CharField()
    name = serializers.CharField()
    team = serializers.CharField(source="team.slug")
    created_at = serializers.DateTimeField()


class TeamList(ListView):
    """The teams that the caller has a role on."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ}
    serializer_class = TeamOutput

    def find(self, request: Request, **filters: str) -> QuerySet[Any]:
        """Return visible teams."""
        return teams_visible(caller=caller_of(request))


class ProjectList(ListView):
    """The projects that the caller may see."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ}
    filters = frozenset({"team"})
    serializer_class = ProjectOutput

    def find(self, request: Request, **filters: str) -> QuerySet[Any]:
        """Return visible projects, of one team where asked."""
        projects = projects_visible(caller=caller_of(request))
        return projects.filter(team__slug=filters["team"]) if "team" in filters else projects


class ProjectDetail(APIView):
    """One project, by slug or id."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ}

    @extend_schema(operation_id="project_get", responses=ProjectOutput)
    def get(self, request: Request, project: str) -> Response:
        """Show a project."""
        return Response(ProjectOutput(project_get(caller=caller_of(request), project=project)).data)
