"""Runs: one execution each, for one resource. The pending rows are the queue."""

from django.db import models
from django.db.models import Q

from catalog.models import OfferingVersion, Plan
from platform_api.core import tracing
from platform_api.core.domains import NATURAL, NumberInDomain, TextInDomain
from platform_api.core.ids import new_id
from platform_api.tenancy.models import Project
from provisioning.models.requests import ProvisioningRequest
from provisioning.models.resources import Resource
from provisioning.states import CLAIMABLE_RUN, LIVE_RUN, Operation, RunStatus

EPOCH_SEQUENCE = "run_epoch_seq"
"""Fencing numbers: each claim draws a higher one, and every write of a worker names the one that it holds."""

RUN_FORMAT = 1
"""What version of a worker the runs need that this release writes: their ``worker_min_version``.

Where a run's rows are to mean something new, the release before teaches workers (``WORKER_VERSION``), and only then is
this raised: workers of the release before leave such runs alone, and no upgrade stops the others.
"""
CLAIMABLE = Q(status__in=sorted(CLAIMABLE_RUN), lease_owner=None)
"""The queue. Statements say the same with literal words, or the planner does not see that its index has all rows."""


class Run(models.Model):
    """One execution. Who holds ``epoch`` and ``lease_owner`` may write; who writes with an older epoch is a zombie."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, db_index=False, related_name="runs")
    provisioning_request = models.ForeignKey(
        ProvisioningRequest, null=True, on_delete=models.PROTECT, related_name="runs"
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    operation = TextInDomain(domain="operation", max_length=16, choices=Operation)
    status = models.CharField(max_length=24, choices=RunStatus)
    generation = NumberInDomain(domain=NATURAL, help_text="Which intent of the resource this run fulfils.")
    offering_version = models.ForeignKey(
        OfferingVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    parameters = models.JSONField()

    # The queue: which pool takes it, in which order, not before when, by which versions of the worker.
    pool = models.CharField(max_length=32, default="default")
    priority = models.SmallIntegerField(default=100, help_text="Smaller goes first.")
    not_before = models.DateTimeField()
    worker_min_version = NumberInDomain(domain=NATURAL, default=1)
    hinted_at = models.DateTimeField(null=True)

    # The lease: judged by the database's clock alone.
    epoch = models.BigIntegerField(null=True)
    lease_owner = models.CharField(max_length=200, null=True)  # noqa: DJ001 - nobody is null, not an empty name
    lease_until = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True)
    attempt = NumberInDomain(domain=NATURAL, default=0)

    cancel_requested_at = models.DateTimeField(null=True)
    cancel_reason = models.TextField(blank=True, default="")

    # What a watcher sees.
    steps = models.JSONField(default=list)
    progress = models.JSONField(null=True)
    plan_summary = models.JSONField(null=True)
    plan_digest = models.CharField(max_length=80, blank=True, default="")
    failure = models.JSONField(null=True)
    correlation_id = models.CharField(max_length=64)
    traceparent = models.CharField(max_length=tracing.LENGTH, default="", db_default="")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    is_hinted_again = False
    lag_seconds: float | None = None
    """Said by ``services.hinting``: whether it was hinted at before and no worker has taken it; if not, for how long it
    could have begun."""

    class Meta:
        db_table = "run"
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["resource"], condition=Q(status__in=sorted(LIVE_RUN)), name="run_is_alone_on_its_resource"
            ),
            models.CheckConstraint(
                condition=Q(lease_owner=None, lease_until=None)
                | Q(epoch__isnull=False, lease_owner__isnull=False, lease_until__isnull=False),
                name="run_lease_is_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["pool", "priority", "id"], condition=CLAIMABLE, name="run_queue"),
            models.Index(fields=["pool"], condition=CLAIMABLE & Q(hinted_at__isnull=False), name="run_hinted"),
            # Without the lease's end, so that a heartbeat changes nothing that an index has, and writes to none.
            models.Index(fields=["pool"], condition=Q(lease_owner__isnull=False), name="run_leased"),
            models.Index(fields=["project", "-id"], name="run_project"),
            models.Index(fields=["resource", "-id"], name="run_resource"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.status}"


class PlanFile(models.Model):
    """The saved plan of a run, sealed: the one that was judged is the one that is applied."""

    run = models.OneToOneField(Run, primary_key=True, on_delete=models.PROTECT, related_name="plan_file")
    digest = models.CharField(max_length=80)
    sealed = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "plan_file"
        default_permissions = ()

    def __str__(self) -> str:
        return self.digest
