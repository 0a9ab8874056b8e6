"""Addresses under /api/v1/ that tenancy answers."""

from django.urls import path

from platform_api.tenancy.api.teams import ProjectDetail, ProjectList, TeamList

urlpatterns = [
    path("teams", TeamList.as_view(), name="team-list"),
    path("projects", ProjectList.as_view(), name="project-list"),
    path("projects/<str:project>", ProjectDetail.as_view(), name="project-detail"),
]
