"""Resources: what exists, or shall exist, and who owns it."""

from typing import Any

from django.db import models
from django.db.models import F, Q

from catalog.models import Connection, OfferingVersion, Plan
from platform_api.core.domains import NATURAL, NumberInDomain, TextInDomain
from platform_api.core.ids import new_id
from platform_api.tenancy.models import Project
from platform_api.tenancy.models.teams import slug_validator
from provisioning.models.environments import Environment
from provisioning.states import Desired, ResourceStatus

PHYSICAL_NAME_LENGTH = 63
"""The longest name of a role or database in PostgreSQL; other targets take at least as much."""


class Resource(models.Model):
    """One ordered thing. What is written here is what was fulfilled last; what is wanted next stands in the request.

    ``generation`` counts intents, ``observed_generation`` names the one fulfilled last. ``physical_name`` is computed
    once and never again: renaming would be replacing. After ``verify_at`` it is looked for what a worker that was
    overtaken may have done late.

    Only the three foreign keys that lead a caller to its rows are constraints: each further one to a row that many
    orders share would be locked by every one of them, which was measured to cost a fifth of the ordering rate.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, db_index=False, related_name="resources")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="resources")
    offering_version = models.ForeignKey(OfferingVersion, on_delete=models.PROTECT, related_name="+")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    name = TextInDomain(domain="resource_name", max_length=40, validators=[slug_validator])
    kind = models.CharField(max_length=32)
    physical_name = models.CharField(max_length=PHYSICAL_NAME_LENGTH)
    status = models.CharField(max_length=16, choices=ResourceStatus)
    desired = TextInDomain(domain="desired", max_length=16, choices=Desired)
    generation = NumberInDomain(domain=NATURAL, default=1)
    observed_generation = NumberInDomain(domain=NATURAL, default=0)
    parameters = models.JSONField()
    outputs = models.JSONField(null=True)
    delete_protected = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)
    verify_at = models.DateTimeField(null=True)
    created_by_id = models.UUIDField(null=True)
    created_by_name = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = NumberInDomain(domain=NATURAL, default=1, db_default=1, help_text="Counts changes; in the ETag.")

    live_run: dict[str, str] | None
    told_credentials: list[dict[str, Any]] | None
    """Annotations of ``selectors.resources.resources_shown``."""

    class Meta:
        db_table = "resource"
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "name"],
                condition=~Q(status=ResourceStatus.DEPROVISIONED),
                name="resource_name_is_taken_once",
            ),
            models.UniqueConstraint(
                fields=["connection", "physical_name"],
                condition=~Q(status=ResourceStatus.DEPROVISIONED),
                name="resource_physical_name_is_taken_once",
            ),
            models.CheckConstraint(
                condition=Q(observed_generation__lte=F("generation")), name="resource_observes_no_future"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="resource_project"),
            models.Index(fields=["project", "name", "id"], name="resource_name"),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False) & ~Q(status=ResourceStatus.DEPROVISIONED),
                name="resource_expiry",
            ),
            models.Index(fields=["verify_at"], condition=Q(verify_at__isnull=False), name="resource_verify"),
        ]

    def __str__(self) -> str:
        return self.name
