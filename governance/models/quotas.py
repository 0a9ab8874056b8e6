"""Quotas: a limit with what is reserved and what is in use, and the ledger of how it came to that.

The ordering path reserves in a hand-written statement, so the columns are plain and their meaning is a contract:

* a reservation is ``UPDATE quota SET reserved = reserved + n WHERE id = … AND reserved + used + n <= "limit"``, project
  before team and points before counts (``Quota.Meta.ordering``), with its entry in the same transaction;
* ``reserved`` and ``used`` never overlap: what is held is their sum;
* a limit may stand below what is held: nothing is taken away, but nothing more is given.
"""

from django.db import models
from django.db.models import Case, F, Q, Sum, Value, When
from django.db.models.functions import Coalesce, Now

from platform_api.core.domains import NATURAL, NumberInDomain, TextInDomain
from platform_api.core.ids import new_id

POINTS = "points"
KIND_PATTERN = r"^(points|count:[a-z][a-z0-9-]{0,38}[a-z0-9])\Z"
"""``points``, or ``count:`` and the kind of a resource, e.g. ``count:database``."""


class ScopeType(models.TextChoices):
    """What a quota is set for; in the order in which their rows are locked."""

    PROJECT = "project", "Project"
    TEAM = "team", "Team"


class EntryMove(models.TextChoices):
    """What an entry does to the quota; ``pool`` says where."""

    RESERVE = "reserve", "Reserve"
    """Adds the amount to what is reserved."""
    COMMIT = "commit", "Commit"
    """Moves the amount from reserved to used."""
    RELEASE = "release", "Release"
    """Gives the amount back from the pool."""
    ADJUST = "adjust", "Adjust"
    """Changes the pool by the amount, which may be negative: the subject needs more or less than before."""


class Pool(models.TextChoices):
    """One of a quota's two counters."""

    RESERVED = "reserved", "Reserved"
    USED = "used", "Used"


class Quota(models.Model):
    """How much of one kind a project or team may hold. Only the services of quotas write it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope_type = TextInDomain(domain="quota_scope", max_length=8, choices=ScopeType)
    scope_id = models.UUIDField()
    scope_name = models.CharField(max_length=50, help_text="As texts say it, e.g. project:checkout.")
    kind = TextInDomain(domain="quota_kind", max_length=48, help_text="points, or count: and a kind of resource.")
    limit = NumberInDomain(domain=NATURAL)
    reserved = NumberInDomain(domain=NATURAL, default=0, help_text="Promised to what is being made.")
    used = NumberInDomain(domain=NATURAL, default=0, help_text="Held by what is there.")
    version = models.IntegerField(default=1, help_text="Counts changes of the limit.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "quota"
        ordering = ["scope_type", "-kind", "scope_id"]  # the one order of locks: project first, points first
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["scope_type", "scope_id", "kind"], name="quota_is_one_of_its_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.scope_name} {self.kind}"

    @property
    def held(self) -> int:
        """What counts against the limit."""
        return self.reserved + self.used


class QuotaEntry(models.Model):
    """One move of a quota's counters; inserted with the move, never changed. Their sum is the quota's row."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    quota = models.ForeignKey(
        Quota, on_delete=models.PROTECT, related_name="entries", db_index=False, db_constraint=False
    )
    subject_id = models.UUIDField(help_text="The resource that holds it.")
    move = TextInDomain(domain="quota_move", max_length=8, choices=EntryMove)
    pool = TextInDomain(
        domain="quota_pool", max_length=8, choices=Pool, help_text="The counter that is changed, or moved from."
    )
    amount = models.IntegerField()
    reserved_after = NumberInDomain(domain=NATURAL)
    used_after = NumberInDomain(domain=NATURAL)
    at = models.DateTimeField(db_default=Now(), editable=False)
    actor_name = models.CharField(max_length=200)
    reason = models.TextField(blank=True, default="")

    class Meta:
        db_table = "quota_entry"
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["subject_id", "quota"], name="quota_entry_subject"),
            models.Index(fields=["quota", "id"], name="quota_entry_quota"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0) | Q(move=EntryMove.ADJUST, amount__lt=0), name="quota_entry_moves_something"
            ),
            models.CheckConstraint(
                condition=Q(pool=Pool.RESERVED) | Q(move__in=[EntryMove.RELEASE, EntryMove.ADJUST]),
                name="quota_entry_moves_from_where_it_can",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.move} {self.amount}"


def ledger_sum(pool: Pool, *, of: str = "") -> Coalesce:
    """Return what entries add up to in one counter, as an aggregate.

    Args:
        pool: The counter.
        of: Way from the queried model to its entries, e.g. ``entries__``.
    """
    amount = F(f"{of}amount")
    change = Case(
        When(Q((f"{of}move__in", [EntryMove.RESERVE, EntryMove.ADJUST]), (f"{of}pool", pool)), then=amount),
        When(Q((f"{of}move", EntryMove.RELEASE), (f"{of}pool", pool)), then=-amount),
        When(Q((f"{of}move", EntryMove.COMMIT)), then=amount if pool == Pool.USED else -amount),
        default=Value(0),
        output_field=models.IntegerField(),
    )
    return Coalesce(Sum(change), 0)
