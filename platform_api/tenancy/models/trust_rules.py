"""Trust rules: which CI jobs are taken for which service. And tokens of jobs that were used, for each counts once."""

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from platform_api.core.ids import new_id
from platform_api.tenancy.models.identities import CiIdentity
from platform_api.tenancy.models.projects import Project
from platform_api.tenancy.models.scopes import ALL, Scope
from platform_api.tenancy.models.teams import Team
from platform_api.tenancy.models.users import User

CI_LIFE = timedelta(minutes=10)
"""How long the token lives that a job gets; an order takes seconds."""

CI_SCOPES = ALL - {Scope.TENANCY_WRITE}
"""What a job may do: nothing that would make another token."""

REPOSITORY_ID_PATTERN = r"^[1-9][0-9]{0,18}\Z"
REF_PATTERN = r"^refs/(heads|tags)/[^*?\[\\~^: \x00-\x1f\x7f]*\*?\Z"
"""A branch or tag in full, or the beginning of one and a star."""

repository_id_validator = RegexValidator(REPOSITORY_ID_PATTERN, "Use the number of the repository, not its name.")
ref_validator = RegexValidator(
    REF_PATTERN, "Use a whole ref such as refs/heads/main, or its beginning and a star such as refs/heads/release-*."
)


class TrustRule(models.Model):
    """Jobs of one repository that are taken for a service; a rule never changes, it is only switched off."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    issuer = models.CharField(max_length=200)
    repository_id = models.CharField(max_length=19, validators=[repository_id_validator])
    repository = models.CharField(max_length=200, help_text="Its name when the rule was made; nothing goes by it.")
    ref_pattern = models.CharField(max_length=255, blank=True, validators=[ref_validator])
    environment = models.CharField(max_length=255, blank=True)
    events = ArrayField(models.CharField(max_length=32))
    needs_protected_ref = models.BooleanField(default=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    scopes = ArrayField(models.CharField(max_length=32))
    created_at = models.DateTimeField(auto_now_add=True)
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "trust_rule"
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["issuer", "repository_id"], condition=Q(disabled_at=None), name="trust_rule_repository"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(repository_id__regex=REPOSITORY_ID_PATTERN), name="trust_rule_repository_is_a_number"
            ),
            models.CheckConstraint(
                condition=Q(ref_pattern="") | Q(ref_pattern__regex=r"^refs/(heads|tags)/[^*]*\*?\Z"),
                name="trust_rule_ref_is_whole",
            ),
            models.CheckConstraint(
                condition=~Q(ref_pattern="") | ~Q(environment=""), name="trust_rule_names_ref_or_environment"
            ),
            models.CheckConstraint(condition=Q(events__len__gt=0), name="trust_rule_has_events"),
            models.CheckConstraint(condition=Q(scopes__len__gt=0), name="trust_rule_has_scopes"),
            models.CheckConstraint(
                condition=Q(team=None, project__isnull=False) | Q(team__isnull=False, project=None),
                name="trust_rule_has_one_binding",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.repository} {self.ref_pattern or self.environment}"

    @property
    def status(self) -> str:
        """Whether it counts: ``in_force`` or ``disabled``."""
        return "in_force" if self.disabled_at is None else "disabled"

    @property
    def closeness(self) -> tuple[bool, bool, int]:
        """How closely it describes a job: of two that take it, the greater counts."""
        is_exact = bool(self.ref_pattern) and not self.ref_pattern.endswith("*")
        return bool(self.environment), is_exact, len(self.ref_pattern)

    def takes(self, identity: CiIdentity) -> bool:
        """Tell whether a job of the rule's repository is one that it means."""
        stem = self.ref_pattern.removesuffix("*")
        is_ref = identity.ref.startswith(stem) if stem != self.ref_pattern else identity.ref == stem
        return (
            identity.event in self.events
            and (not self.ref_pattern or is_ref)
            and (not self.environment or identity.environment == self.environment)
            and (identity.is_ref_protected or not self.needs_protected_ref)
        )


class UsedIdentity(models.Model):
    """A job's token that was exchanged. Forgotten once it has expired, for then nobody takes it any more."""

    key = models.CharField(primary_key=True, max_length=64, help_text="SHA-256 of issuer and jti, in hex.")
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "used_identity"
        default_permissions = ()

    def __str__(self) -> str:
        return self.key[:8]
