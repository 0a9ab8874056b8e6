"""Audit events: who did what, to what, why, with what result.

The table takes inserts only: a trigger refuses UPDATE, DELETE and TRUNCATE to everyone, and the application's user
has no right to them anyway. It has no foreign keys (SET NULL would be an UPDATE) and keeps the names of its time
beside the ids.
"""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now

from platform_api.core.domains import TextInDomain
from platform_api.core.ids import new_id


class Outcome(models.TextChoices):
    """How it ended."""

    SUCCEEDED = "succeeded", "Succeeded"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"


class TransactionIdField(models.Field):  # type: ignore[type-arg]  # generic only to the type checker
    """PostgreSQL's ``xid8``: the transaction that wrote the row, so that a reader can wait for those still open."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Return the column's type."""
        return "xid8"

    def get_prep_value(self, value: Any) -> Any:
        """Send a number as text: PostgreSQL compares the type with no integer."""
        return str(value) if isinstance(value, int) else value

    def from_db_value(self, value: Any, expression: object, connection: BaseDatabaseWrapper) -> int:
        """Return a number; the driver knows the type as text only."""
        return int(value)


class CurrentTransactionId(models.Func):
    """``pg_current_xact_id()``."""

    function = "pg_current_xact_id"
    output_field = TransactionIdField()


class AuditEvent(models.Model):
    """One thing that happened, or was refused."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    xid = TransactionIdField(db_default=CurrentTransactionId(), editable=False)
    team_id = models.UUIDField(null=True)
    project_id = models.UUIDField(null=True)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=200)
    actor_kind = models.CharField(max_length=16)
    token_id = models.UUIDField(null=True)
    auth_method = models.CharField(max_length=16)
    ip = models.GenericIPAddressField(null=True)
    correlation_id = models.CharField(max_length=64)
    trace_id = models.CharField(max_length=32, blank=True, default="")
    action = models.CharField(max_length=64, help_text="Noun and past verb, e.g. run.applied.")
    object_type = models.CharField(max_length=32)
    object_id = models.UUIDField(null=True)
    object_name = models.CharField(max_length=300)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    outcome = TextInDomain(domain="audit_outcome", max_length=16, choices=Outcome)
    code = models.CharField(max_length=64, blank=True, default="", help_text="Error code of a refusal or failure.")
    reason = models.TextField(blank=True, default="", help_text="Why, in the actor's or the rule's words.")
    policy_decision = models.JSONField(null=True)

    class Meta:
        db_table = "audit_event"
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["object_type", "object_id", "id"], name="audit_event_object"),
            models.Index(fields=["project_id", "id"], name="audit_event_project"),
            models.Index(fields=["team_id", "id"], name="audit_event_team"),
            models.Index(fields=["correlation_id", "id"], name="audit_event_correlation"),
            models.Index(fields=["actor_id", "id"], name="audit_event_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_name}"
