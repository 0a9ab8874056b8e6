"""Addresses under /api/v1/ that tenancy answers."""

from django.urls import path

from platform_api.tenancy.api.audit_events import AuditEventList
from platform_api.tenancy.api.oidc import OidcExchange
from platform_api.tenancy.api.teams import ProjectDetail, ProjectList, TeamList
from platform_api.tenancy.api.tokens import TokenCurrent, TokenDetail, TokenList, TokenRotate

urlpatterns = [
    path("audit-events", AuditEventList.as_view(), name="audit-event-list"),
    path("auth/oidc/exchange", OidcExchange.as_view(), name="oidc-exchange"),
    path("teams", TeamList.as_view(), name="team-list"),
    path("projects", ProjectList.as_view(), name="project-list"),
    path("projects/<str:project>", ProjectDetail.as_view(), name="project-detail"),
    path("tokens", TokenList.as_view(), name="token-list"),
    path("tokens/current", TokenCurrent.as_view(), name="token-current"),
    path("tokens/<str:token_id>", TokenDetail.as_view(), name="token-detail"),
    path("tokens/<str:token_id>/rotate", TokenRotate.as_view(), name="token-rotate"),
]
