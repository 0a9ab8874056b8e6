"""Addresses under /api/v1/ that governance answers."""

from django.urls import path

from governance.api.quotas import QuotaList

urlpatterns = [
    path("quotas", QuotaList.as_view(), name="quota-list"),
]
