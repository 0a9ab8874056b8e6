"""Provisioning requests: the ask. What schema, policy or quota refuse is never one."""

from django.db import models
from django.db.models import Q

from catalog.models import OfferingVersion, Plan
from platform_api.core import tracing
from platform_api.core.domains import NATURAL, NumberInDomain, TextInDomain
from platform_api.core.ids import new_id
from platform_api.tenancy.models import Project
from provisioning.models.environments import Environment
from provisioning.models.resources import Resource
from provisioning.states import Operation, RequestStatus


class ProvisioningRequest(models.Model):
    """Who wants what, and why; made when it is accepted, and kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    operation = TextInDomain(domain="operation", max_length=16, choices=Operation)
    status = models.CharField(max_length=24, choices=RequestStatus)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    resource = models.ForeignKey(
        Resource, on_delete=models.PROTECT, db_index=False, related_name="provisioning_requests"
    )
    generation = NumberInDomain(domain=NATURAL, help_text="Which intent of the resource this is.")
    offering_version = models.ForeignKey(
        OfferingVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    parameters = models.JSONField()
    reason = models.TextField(blank=True)
    ticket = models.CharField(max_length=100, null=True)  # noqa: DJ001 - absent is null in answers, and so here
    requested_by_id = models.UUIDField(null=True)
    requested_by_name = models.CharField(max_length=200)
    requested_by_kind = models.CharField(max_length=16)
    on_behalf_of = models.CharField(max_length=300, blank=True, default="", help_text="Whom a service asked for.")
    quota = models.JSONField(help_text="What was reserved, with the figures of that moment.")
    decisions = models.JSONField(help_text="What each policy said.")
    policy_decision_id = models.UUIDField(null=True)
    correlation_id = models.CharField(max_length=64)
    traceparent = models.CharField(max_length=tracing.LENGTH, default="", db_default="")
    failure = models.JSONField(null=True)
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)

    newest_run: dict[str, str] | None
    """Annotation of ``selectors.resources.requests_seen``."""

    class Meta:
        db_table = "provisioning_request"
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["resource", "generation"], name="provisioning_request_is_one_intent"),
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="provisioning_request_project"),
            # What the reconciler and environments go through: the history is no part of it.
            models.Index(
                fields=["environment", "resource"],
                condition=Q(status=RequestStatus.FULFILLING),
                name="provisioning_request_under_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.resource_id}"
