"""Credentials: each that a resource was ever given, by number; what is not in use any more is wiped."""

from django.db import models
from django.db.models import Q

from provisioning.models.resources import Resource

PENDING = Q(applied_at=None, discarded_at=None)
"""Made, and not known to be in place; an apply may have put it there all the same (``tried_at``)."""

CURRENT = Q(applied_at__isnull=False, replaced_at=None, discarded_at=None)
"""In use."""

KEPT = Q(replaced_at=None, discarded_at=None)
"""Pending or current: a run may need its verifiers."""


class Credential(models.Model):
    """One password of a resource with its verifiers; ``sealed`` as long as somebody may need them.

    Attributes:
        number: 1 for the first; a rotation makes the next.
        sealed: Password (until it was revealed) and verifiers; None when it is over.
        tried_at: When an apply first began that may have put it in place; from then on it is never given up, only
            replaced: it may be the one that logs in.
        applied_at: When a run had put it in place for certain.
        replaced_at: When the next one was in place.
        discarded_at: When it was given up: no apply had begun with it, or the resource went.
    """

    pk = models.CompositePrimaryKey("resource_id", "number")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="credentials")
    number = models.PositiveIntegerField()
    sealed = models.BinaryField(null=True)
    made_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    revealed_at = models.DateTimeField(null=True)
    revealed_by_id = models.UUIDField(null=True)
    revealed_by_name = models.CharField(max_length=200, blank=True, default="")
    replaced_at = models.DateTimeField(null=True)
    discarded_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "credential"
        ordering = ["-number"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["resource"], condition=PENDING, name="credential_is_pending_once"),
            models.UniqueConstraint(fields=["resource"], condition=CURRENT, name="credential_is_current_once"),
            models.CheckConstraint(
                condition=(Q(sealed__isnull=False) & KEPT) | (Q(sealed=None) & ~KEPT),
                name="credential_is_wiped_when_over",
            ),
            models.CheckConstraint(
                condition=Q(applied_at__isnull=False) | Q(revealed_at=None, replaced_at=None),
                name="credential_is_applied_first",
            ),
            models.CheckConstraint(
                condition=Q(replaced_at=None) | Q(discarded_at=None), name="credential_ends_in_one_way"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="credential_numbers_begin_with_one"),
        ]

    def __str__(self) -> str:
        return f"credential {self.number}"

    @property
    def status(self) -> str:
        """Where it stands: ``pending``, ``tried`` (may log in), ``current``, ``replaced`` or ``discarded``."""
        if self.discarded_at is not None:
            return "discarded"
        if self.replaced_at is not None:
            return "replaced"
        if self.applied_at is not None:
            return "current"
        return "pending" if self.tried_at is None else "tried"

    @property
    def place(self) -> str:
        """Where it is sealed for: no other resource opens it."""
        return f"resource/{self.resource_id}/credentials"
