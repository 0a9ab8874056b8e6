"""Plans: the sizes of a version, with price and points; like the version, they never change."""

from django.db import models
from django.db.models import Q

from catalog.models.offerings import Availability, OfferingVersion
from platform_api.core.ids import new_id
from platform_api.tenancy.models.teams import SLUG_PATTERN, slug_validator


class Plan(models.Model):
    """One size of a version; their order by id is that of the manifest, the smallest first.

    Attributes:
        monthly_amount: Price of a month, in ``currency``.
        currency: ISO 4217 code.
        quota_points: What a project's quota is charged.
        parameters: What the plan sets, unless a request sets it.
        limits: JSON Schema by parameter: what the plan narrows.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(OfferingVersion, on_delete=models.PROTECT, related_name="plans")
    slug = models.CharField(max_length=40, validators=[slug_validator])
    title = models.CharField(max_length=60)
    description = models.TextField()
    monthly_amount = models.DecimalField(max_digits=10, decimal_places=2)
    currency = models.CharField(max_length=3)
    quota_points = models.PositiveIntegerField()
    parameters = models.JSONField()
    limits = models.JSONField()
    status = models.CharField(max_length=16, choices=Availability, default=Availability.ACTIVE)

    class Meta:
        db_table = "plan"
        ordering = ["id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["version", "slug"], name="plan_is_unique"),
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="plan_slug_is_sound"),
            models.CheckConstraint(condition=Q(status__in=Availability.values), name="plan_status_is_known"),
            models.CheckConstraint(condition=Q(monthly_amount__gte=0), name="plan_price_is_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}\Z"), name="plan_currency_is_iso_4217"),
        ]

    def __str__(self) -> str:
        return self.slug
