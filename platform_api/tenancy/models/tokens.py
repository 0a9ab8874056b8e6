"""API tokens as they are kept: never the token, only its SHA-256.

A password hash would be wrong here: 256 random bits need no stretching, and it would cost each call 0.3 s.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from platform_api.core.ids import new_id
from platform_api.tenancy.models.projects import Project
from platform_api.tenancy.models.teams import Team
from platform_api.tenancy.models.trust_rules import TrustRule
from platform_api.tenancy.models.users import User

ON_BEHALF_OF_LENGTH = 300

MAXIMUM_LIFE = timedelta(days=366)
DEFAULT_LIFE = timedelta(days=90)
MAXIMUM_OVERLAP = timedelta(days=1)
"""How long a token that was rotated may go on, so that what holds it can be given the new one in peace."""


class TokenKind(models.TextChoices):
    """Who holds it; the word stands in the token itself, so that scanners of leaked secrets can tell."""

    PERSONAL = "pat", "Personal"
    SERVICE = "svc", "Service"
    CI = "ci", "CI, short-lived"


class ApiToken(models.Model):
    """A bearer token of one user, narrowed by scopes, by team or project, by address and by time."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_tokens")
    kind = models.CharField(max_length=8, choices=TokenKind)
    name = models.CharField(max_length=100, help_text="What it is for, in its owner's words.")
    hint = models.CharField(max_length=8, help_text="First characters of the secret, to recognize it by.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the whole token, in hex.")
    scopes = ArrayField(models.CharField(max_length=32))
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    networks = ArrayField(
        models.CharField(max_length=43), default=list, blank=True, help_text="CIDR ranges; none means any."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    family = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The first token of which this is a rotation; none for a first one.",
    )
    rotated_at = models.DateTimeField(
        null=True, blank=True, help_text="When another took its place; that happens to a token once."
    )
    trust_rule = models.ForeignKey(
        TrustRule, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="Why a CI job has it."
    )
    on_behalf_of = models.CharField(
        max_length=ON_BEHALF_OF_LENGTH, blank=True, default="", help_text="Which CI job has it."
    )
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_token"
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=TokenKind.values), name="api_token_kind_is_known"),
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}\Z"), name="api_token_digest_is_sha256"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at"), expires_at__lte=F("created_at") + MAXIMUM_LIFE),
                name="api_token_life_is_bounded",
            ),
            models.CheckConstraint(condition=Q(team=None) | Q(project=None), name="api_token_has_one_binding"),
            models.CheckConstraint(condition=Q(scopes__len__gt=0), name="api_token_has_scopes"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.hint}…"

    @property
    def beginning(self) -> str:
        """What the clear token begins with, to recognize it by."""
        return f"slw_{self.kind}_{self.hint}…"

    @property
    def family_key(self) -> UUID:
        """What all rotations of one token have in common: the id of the first."""
        return self.family_id or self.pk

    def status_at(self, moment: datetime) -> str:
        """Return whether it counts at a moment: ``in_force``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= moment else "in_force"
