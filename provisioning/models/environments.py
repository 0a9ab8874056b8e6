"""Environments: named groups of resources in a project."""

from django.db import models
from django.db.models import Q

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
    """A group of resources with a tier and, if it is ephemeral, an expiry. A closed one is a tombstone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="environments")
    name = models.CharField(max_length=40, validators=[slug_validator])
    tier = models.CharField(max_length=16, choices=Tier)
    desired = models.CharField(max_length=16, choices=Desired, default=Desired.PRESENT)
    expires_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

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
        ]

    def __str__(self) -> str:
        return self.name
