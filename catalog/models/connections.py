"""Connections: the targets that things are made on, and who may have things made there."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from platform_api.core.ids import new_id
from platform_api.tenancy.models import Team
from platform_api.tenancy.models.teams import SLUG_PATTERN, slug_validator

POOL_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
DEFAULT_POOL = "default"
pool_validator = RegexValidator(
    POOL_PATTERN.replace("$", r"\Z"), "Use up to 32 of: a-z, 0-9, hyphen; begin with a letter."
)


class ConnectionKind(models.TextChoices):
    """What stands at the other end; a version says which it needs."""

    POSTGRES = "postgres", "PostgreSQL server"
    VALKEY = "valkey", "Valkey server"
    AWS = "aws", "AWS account"


class Tier(models.TextChoices):
    """How serious an environment is."""

    DEVELOPMENT = "development", "Development"
    STAGING = "staging", "Staging"
    PRODUCTION = "production", "Production"


class Connection(models.Model):
    """One target with its admin's credentials, which are sealed and open only here.

    Attributes:
        tiers: Environments that may use it, by tier.
        teams: Teams that may use it; none named means all.
        endpoint: ``host`` and ``port`` that users connect to.
        pool: Whose workers carry out what is made on it: those that reach it.
        credentials: Sealed JSON for the provider; never shown, not even to overseers.
        is_active: Whether new things are made on it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=40, unique=True, validators=[slug_validator])
    kind = models.CharField(max_length=16, choices=ConnectionKind)
    tiers = ArrayField(models.CharField(max_length=16, choices=Tier))
    teams = models.ManyToManyField(Team, blank=True, related_name="+", db_table="connection_team")
    endpoint = models.JSONField()
    pool = models.CharField(max_length=32, default=DEFAULT_POOL, db_default=DEFAULT_POOL, validators=[pool_validator])
    credentials = models.BinaryField()
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "connection"
        ordering = ["slug"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="connection_slug_is_sound"),
            models.CheckConstraint(condition=Q(pool__regex=POOL_PATTERN), name="connection_pool_is_sound"),
            models.CheckConstraint(condition=Q(kind__in=ConnectionKind.values), name="connection_kind_is_known"),
            models.CheckConstraint(
                condition=Q(tiers__contained_by=Tier.values) & Q(tiers__len__gt=0), name="connection_tiers_are_known"
            ),
        ]

    def __str__(self) -> str:
        return self.slug
