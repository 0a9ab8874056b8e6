"""Policy decisions: what the rules said of one ask or one plan, kept so that it can be judged again.

The ordering path inserts here by hand-written SQL: plain columns, no foreign keys. The table takes inserts only.
"""

from django.db import models
from django.db.models.functions import Now

from platform_api.core.domains import TextInDomain
from platform_api.core.ids import new_id


class PolicyOutcome(models.TextChoices):
    """What came of it; of several policies, what weighs most."""

    ALLOW = "allow", "Allow"
    WARN = "warn", "Warn"
    """Only advisory policies object."""
    DENY = "deny", "Deny"
    ERROR = "error", "Error"
    """Nothing could be judged, which denies."""


class PolicyDecision(models.Model):
    """One answer of a policy set. The input may hold what only its owners shall read, so it is sealed for its row."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    stage = models.CharField(max_length=16, help_text="request or plan.")
    set_id = models.CharField(max_length=64, blank=True, help_text="Empty where no set answered.")
    set_version = models.IntegerField()
    set_digest = models.CharField(max_length=71, blank=True, help_text="sha256: over the set's files.")
    subject_type = models.CharField(max_length=32, help_text="What was judged, as in the ids' words.")
    subject_id = models.UUIDField()
    project_id = models.UUIDField()
    outcome = TextInDomain(domain="policy_outcome", max_length=8, choices=PolicyOutcome)
    results = models.JSONField(help_text="By policy: id, level, outcome, detail.")
    input_digest = models.CharField(max_length=71, blank=True, help_text="sha256: over the canonical input.")
    input_sealed = models.BinaryField(help_text="Opens at policy_decision/<id>/input.")
    milliseconds = models.FloatField(help_text="What the evaluation took.")

    class Meta:
        db_table = "policy_decision"
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="policy_decision_subject"),
            models.Index(fields=["project_id", "id"], name="policy_decision_project"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} by {self.set_id}@{self.set_version}"

    @staticmethod
    def place_of_input(decision_id: object) -> str:
        """Return where the input of a decision is sealed for."""
        return f"policy_decision/{decision_id}/input"
