"""Allowed moves as rows, for the trigger that refuses all others; written by migrations only."""

from django.db import models


class LifecycleMove(models.Model):
    """One allowed move of one machine; an empty source is how a row may begin."""

    pk = models.CompositePrimaryKey("machine", "source", "target")
    machine = models.CharField(max_length=32)
    source = models.CharField(max_length=32)
    target = models.CharField(max_length=32)

    class Meta:
        db_table = "lifecycle_move"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.machine}: {self.source} → {self.target}"
