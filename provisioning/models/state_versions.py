"""State versions: every Terraform state that was valid, sealed, as it appeared."""

from django.db import models

from platform_api.core.ids import new_id
from provisioning.models.resources import Resource
from provisioning.models.runs import Run


class StateVersion(models.Model):
    """One state. ``lineage`` and ``serial`` are Terraform's; the epoch is that of the worker which saw it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="state_versions")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="state_versions")
    epoch = models.BigIntegerField()
    lineage = models.CharField(max_length=64)
    serial = models.PositiveBigIntegerField()
    sealed = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "state_version"
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["resource", "lineage", "serial"], name="state_version_is_stored_once")
        ]

    def __str__(self) -> str:
        return f"{self.lineage} {self.serial}"

    @staticmethod
    def place(*, resource_id: object, lineage: str, serial: int) -> str:
        """Return where a state is sealed for: no other resource, lineage or serial opens it."""
        return f"state_version/{resource_id}/{lineage}/{serial}"
