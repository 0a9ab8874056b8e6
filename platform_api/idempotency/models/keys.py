"""Keys as they are kept: per caller, with a fingerprint of what was asked and the answer that was given."""

from django.db import models
from django.db.models.functions import Now


class IdempotencyKey(models.Model):
    """One key of one caller; kept for 24 hours. Answers that hold a secret are never stored here."""

    pk = models.CompositePrimaryKey("caller_id", "key")
    caller_id = models.UUIDField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, route and canonical body, in hex.")
    status = models.SmallIntegerField(help_text="HTTP status of the answer.")
    location = models.CharField(max_length=200, blank=True, default="")
    tag = models.CharField(max_length=100, blank=True, db_default="", help_text="ETag of the answer, where it is kept.")
    answer = models.TextField(help_text="The body, byte for byte.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "idempotency_key"
        default_permissions = ()
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]

    def __str__(self) -> str:
        return self.key
