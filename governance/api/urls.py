"""Addresses under /api/v1/ that governance answers."""

from django.urls import path

from governance.api.policies import PolicySetDetail
from governance.api.quotas import QuotaList

urlpatterns = [
    path("policies", PolicySetDetail.as_view(), name="policy-set"),
    path("quotas", QuotaList.as_view(), name="quota-list"),
]
