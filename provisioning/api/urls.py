"""Addresses under /api/v1/ that provisioning answers."""

from django.urls import path

from provisioning.api.environments import EnvironmentDetail, EnvironmentList, EnvironmentOfProject
from provisioning.api.logs import RunLog
from provisioning.api.offering_documents import OfferingDocument
from provisioning.api.requests import RequestDetail, RequestList
from provisioning.api.resources import CredentialsRotate, CredentialsView, ResourceDetail, ResourceList
from provisioning.api.runs import RunCancel, RunDetail, RunList

urlpatterns = [
    path("offerings/<str:offering>/openapi", OfferingDocument.as_view(), name="offering-document"),
    path("requests", RequestList.as_view(), name="request-list"),
    path("requests/<str:request_id>", RequestDetail.as_view(), name="request-detail"),
    path("resources", ResourceList.as_view(), name="resource-list"),
    path("resources/<str:resource_id>", ResourceDetail.as_view(), name="resource-detail"),
    path("resources/<str:resource_id>/credentials", CredentialsView.as_view(), name="resource-credentials"),
    path("resources/<str:resource_id>/credentials/rotate", CredentialsRotate.as_view(), name="credentials-rotate"),
    path("runs", RunList.as_view(), name="run-list"),
    path("runs/<str:run_id>", RunDetail.as_view(), name="run-detail"),
    path("runs/<str:run_id>/log", RunLog.as_view(), name="run-log"),
    path("runs/<str:run_id>/cancel", RunCancel.as_view(), name="run-cancel"),
    path("environments/<str:environment_id>", EnvironmentDetail.as_view(), name="environment-detail"),
    path("projects/<str:project>/environments", EnvironmentList.as_view(), name="environment-list"),
    path(
        "projects/<str:project>/environments/<str:name>", EnvironmentOfProject.as_view(), name="environment-of-project"
    ),
]
