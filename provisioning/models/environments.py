"""Environments: named groups of resources in a project."""

from django.db import models
from django.db.models import Q

from catalog.models import OfferingVersion
from platform_api.core.ids import new_id
from platform_api.tenancy.models import Project
from platform_api.tenancy.models.teams import SLUG_PATTERN, slug_validator
from provisioning.states import Desired

DEFAULT_NAME = "default"
"""Every project has an environment of this name; it is made when it is first needed."""


class Tier(models.TextChoices):
    """How much care a group of resources asks for; connections and policies go by it."""

    DEVELOPMENT = "development", "Development"
    STAGING = "staging", "Staging"
    PRODUCTION = "production", "Production"


class Environment(models.Model):
    """A group of resources with a tier and, if it is ephemeral, an expiry. A closed one is a tombstone.

    What it is never changes, one that is to go never comes back, and it is closed only when nothing is left in it: a
    trigger sees to that.

    Attributes:
        offering_version: What it was ordered as; None for one that was made empty.
        parameters: What was set for the whole.
        source: Where the ask came from, e.g. a pull request, in the caller's own members. A late call from the source
            of a tombstone does not bring it back.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="environments")
    name = models.CharField(max_length=40, validators=[slug_validator])
    tier = models.CharField(max_length=16, choices=Tier)
    desired = models.CharField(max_length=16, choices=Desired, default=Desired.PRESENT)
    offering_version = models.ForeignKey(OfferingVersion, null=True, on_delete=models.PROTECT, related_name="+")
    parameters = models.JSONField(default=dict)
    source = models.JSONField(null=True)
    reason = models.TextField(blank=True, default="")
    expires_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    created_by_id = models.UUIDField(null=True)
    created_by_name = models.CharField(max_length=200, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1, db_default=1, help_text="Counts changes; in the ETag.")

    class Meta:
        db_table = "environment"
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], condition=Q(closed_at=None), name="environment_name_is_taken_once"
            ),
            models.CheckConstraint(condition=Q(name__regex=SLUG_PATTERN), name="environment_name_is_sound"),
            models.CheckConstraint(condition=Q(tier__in=Tier.values), name="environment_tier_is_known"),
            models.CheckConstraint(condition=Q(desired__in=Desired.values), name="environment_desired_is_known"),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(desired=Desired.ABSENT), name="environment_closes_on_demand"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, desired=Desired.PRESENT),
                name="environment_expiry",
            ),
            models.Index(
                fields=["id"], condition=Q(desired=Desired.ABSENT, closed_at=None), name="environment_closing"
            ),
        ]

    def __str__(self) -> str:
        return self.name
