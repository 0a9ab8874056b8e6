"""Offerings, and their versions, which never change: a trigger refuses it to everyone."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.functional import cached_property

from catalog.models.connections import ConnectionKind
from platform_api.core.ids import new_id
from platform_api.tenancy.models.teams import SLUG_PATTERN, slug_validator

if TYPE_CHECKING:
    from django.db.models.query import QuerySet

VERSION_PATTERN = r"^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})\Z"
"""Semantic versions without pre-releases: what is published can be ordered."""


class OfferingKind(models.TextChoices):
    """How the catalog groups what can be ordered."""

    DATABASE = "database", "Database"
    QUEUE = "queue", "Queue"
    CACHE = "cache", "Cache"
    STORAGE = "storage", "Storage"
    ENVIRONMENT = "environment", "Environment"


class Availability(models.TextChoices):
    """Whether an offering or a plan can be ordered; a plan's only ever moves on."""

    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class VersionStatus(models.TextChoices):
    """Where a version stands; it only ever moves on."""

    PUBLISHED = "published", "Published"
    DEPRECATED = "deprecated", "Deprecated, still ordered by who names it"
    RETIRED = "retired", "Retired"


STAGES = list(VersionStatus)
"""A version's way, from the first to the last."""


class Offering(models.Model):
    """One thing that can be ordered; what it is at any time stands in its versions."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=40, unique=True, validators=[slug_validator])
    kind = models.CharField(max_length=16, choices=OfferingKind)
    status = models.CharField(max_length=16, choices=Availability, default=Availability.ACTIVE)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "offering"
        ordering = ["slug"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="offering_slug_is_sound"),
            models.CheckConstraint(condition=Q(kind__in=OfferingKind.values), name="offering_kind_is_known"),
            models.CheckConstraint(condition=Q(status__in=Availability.values), name="offering_status_is_known"),
        ]

    def __str__(self) -> str:
        return self.slug

    @cached_property
    def newest_first(self) -> "list[OfferingVersion]":
        """All versions, the highest number first."""
        return sorted(self.versions.all(), key=lambda version: version.order, reverse=True)

    @cached_property
    def current(self) -> "OfferingVersion | None":
        """The version that is meant where none is named; None only before the first is published.

        It is the highest published one. Where none is published any more it is the highest deprecated one, then the
        highest retired one; who is going to order has to look at the status.
        """
        return min(self.newest_first, key=lambda version: STAGES.index(VersionStatus(version.status)), default=None)


LONG_COLUMNS = ("module", "manifest", "parameters_schema", "variables", "outputs")
"""Columns of a version that are long; lists leave them out, and a page that needs one reads it by itself."""


class OfferingVersionManager(models.Manager["OfferingVersion"]):
    """Leaves the packed module in the database until it is asked for; it is large and seldom needed."""

    def get_queryset(self) -> "QuerySet[OfferingVersion]":
        """Return all versions, without their modules."""
        return super().get_queryset().defer("module")


class OfferingVersion(models.Model):
    """A revision of an offering, pinned: the module itself, what it takes and gives, and its manifest.

    A composed one has no module of its own: it names components, and has neither plans nor a target.

    Attributes:
        module: Deterministic tar of the module; workers build from it, so later edits of files change nothing. Of a
            composed version, of its manifest.
        manifest: ``offering.yaml`` as it was published; an offering without credentials has null there.
        parameters_schema: JSON Schema 2020-12 of what a request may set.
        variables: Every variable with its type, default, flags, and who sets it.
        outputs: The outputs that leave the platform, each with its description and whether it is secret.
        sunset_at: When a deprecated version will be retired, where that is known.
        deprecated_at: When it ceased to be published; the database writes it down.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    offering = models.ForeignKey(Offering, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(max_length=20)
    status = models.CharField(max_length=16, choices=VersionStatus, default=VersionStatus.PUBLISHED)
    digest = models.CharField(max_length=64, help_text="SHA-256 of what is packed, in hex.")
    module = models.BinaryField()
    manifest = models.JSONField()
    parameters_schema = models.JSONField()
    variables = models.JSONField()
    outputs = models.JSONField()
    connection_kind = models.CharField(  # noqa: DJ001 - no target is null, not a kind with an empty name
        max_length=16, choices=ConnectionKind, null=True
    )
    published_at = models.DateTimeField(db_default=Now(), editable=False)
    published_by = models.CharField(max_length=200, help_text="Name of the publisher at that time.")
    sunset_at = models.DateTimeField(null=True, blank=True)
    deprecated_at = models.DateTimeField(null=True, editable=False)

    objects = OfferingVersionManager()

    class Meta:
        db_table = "offering_version"
        ordering = ["id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["offering", "version"], name="offering_version_is_unique"),
            models.CheckConstraint(condition=Q(version__regex=VERSION_PATTERN), name="offering_version_is_semantic"),
            models.CheckConstraint(
                condition=Q(status__in=VersionStatus.values), name="offering_version_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(digest__regex=r"^[0-9a-f]{64}\Z"), name="offering_version_digest_is_sha256"
            ),
            models.CheckConstraint(
                condition=Q(connection_kind__in=ConnectionKind.values),
                name="offering_version_connection_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(connection_kind=None, manifest__has_key="components")
                | (Q(connection_kind__isnull=False) & ~Q(manifest__has_key="components")),
                name="offering_version_has_a_target_or_components",
            ),
            models.CheckConstraint(
                condition=Q(sunset_at=None) | ~Q(status=VersionStatus.PUBLISHED),
                name="offering_version_sunset_is_of_old_ones",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offering_id} {self.version}"

    @property
    def is_composed(self) -> bool:
        """Whether it is made of components, and orders an environment instead of a resource."""
        return "components" in self.manifest

    @property
    def target_kind(self) -> str:
        """Kind of target that it is made on; a composed one has none."""
        if self.connection_kind is None:
            msg = f"{self} is composed; only its components have targets"
            raise TypeError(msg)
        return self.connection_kind

    @property
    def order(self) -> tuple[int, ...]:
        """Return what semantic versions are compared by."""
        return tuple(int(part) for part in self.version.split("."))
