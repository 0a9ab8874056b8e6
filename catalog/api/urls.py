"""Addresses under /api/v1/ that the catalog answers."""

from django.urls import path

from catalog.api.offerings import OfferingDetail, OfferingList

urlpatterns = [
    path("offerings", OfferingList.as_view(), name="offering-list"),
    path("offerings/<str:offering>", OfferingDetail.as_view(), name="offering-detail"),
]
