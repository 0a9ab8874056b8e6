"""Addresses under /api/v1/ that tenancy answers."""

from django.urls import path

from platform_api.tenancy.api.audit_events import AuditEventList
from platform_api.tenancy.api.teams import ProjectDetail, ProjectList, TeamList

urlpatterns = [
    path("audit-events", AuditEventList.as_view(), name="audit-event-list"),
    path("teams", TeamList.as_view(), name="team-list"),
    path("projects", ProjectList.as_view(), name="project-list"),
    path("projects/<str:project>", ProjectDetail.as_view(), name="project-detail"),
]
