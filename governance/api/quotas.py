"""Quotas as members of a project or team see them."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.models import Quota
from governance.selectors.quotas import quotas_of_project, quotas_of_team
from platform_api.core.http.paging import FilterInvalidError
from platform_api.core.http.serializers import TypeIdField
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope


class QuotaOutput(serializers.Serializer[Quota]):
    """A limit, and what stands against it; ``reserved`` and ``used`` never overlap."""

    id = TypeIdField(Prefix.QUOTA)
    scope = serializers.CharField(source="scope_name")
    kind = serializers.CharField()
    limit = serializers.IntegerField()
    reserved = serializers.IntegerField()
    used = serializers.IntegerField()
    version = serializers.IntegerField()


class QuotaList(ListView):
    """The quotas that count in one project, or those of one team."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ}
    filters = frozenset({"project", "team"})
    serializer_class = QuotaOutput

    @extend_schema(
        operation_id="quotas_list",
        parameters=[
            OpenApiParameter("project", description="Slug or id: its quotas and its team's. Give this or team."),
            OpenApiParameter("team", description="Slug or id: the team's own quotas. Give this or project."),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one page."""
        return super().get(request, *args, **kwargs)

    def find(self, request: Request, **filters: str) -> QuerySet[Any]:
        """Return the quotas of the project or team that is named.

        Raises:
            FilterInvalidError: None is named, or both are.
        """
        match filters:
            case {"project": project, **others} if not others:
                return quotas_of_project(caller=caller_of(request), project=project)
            case {"team": team, **others} if not others:
                return quotas_of_team(caller=caller_of(request), team=team)
        raise FilterInvalidError(
            "Quotas are listed for one project or for one team.", remedy="Add ?project= or ?team=."
        )
