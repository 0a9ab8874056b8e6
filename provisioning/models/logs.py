"""Log lines of runs: what people watch; redacted before they come here."""

from django.db import models

from provisioning.models.runs import Run


class LogSource(models.TextChoices):
    """Who speaks."""

    PLATFORM = "platform", "Slipway"
    TERRAFORM = "terraform", "Terraform"


class LogLine(models.Model):
    """One line, numbered without gaps within its run; ``event`` holds Terraform's own record, where it gave one."""

    pk = models.CompositePrimaryKey("run_id", "sequence")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="log_lines")
    sequence = models.PositiveIntegerField()
    at = models.DateTimeField()
    source = models.CharField(max_length=16, choices=LogSource)
    level = models.CharField(max_length=8, default="info")
    line = models.TextField()
    event = models.JSONField(null=True)

    class Meta:
        db_table = "log_line"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(source__in=LogSource.values), name="log_line_source_is_known")
        ]

    def __str__(self) -> str:
        return self.line
