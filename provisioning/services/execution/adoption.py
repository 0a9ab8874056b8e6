"""After an apply that nobody saw the end of, more may exist than any kept state tells of: it is taken over first.

A destroy works from the state alone, so that it would leave such objects behind and call it done. A plain apply finds
them by their names and marks, takes them over, and then the destroy knows them.
"""

from uuid import UUID

from provisioning.models import Run
from provisioning.states import RunStatus

WORKER_LOST = "worker_lost"
"""Failure code of a run whose worker gave no sign of life any more."""

GIVEN_UP = "given_up"
"""Failure code of a run that a platform admin ended from outside."""

UNSEEN_ENDS = frozenset(
    {WORKER_LOST, GIVEN_UP, "canceled", "internal_error", "run_silent", "run_timed_out"}
    | {"terraform_killed", "terraform_broke", "worker_disk_full"}
)
"""Failure codes of ends at which Terraform may not have had the time, or the room, to write down what it had made."""


def is_in_doubt(resource_id: UUID) -> bool:
    """Tell whether the last apply of a resource ended unseen.

    Args:
        resource_id: The resource.
    """
    # A plan's digest is written with the move that the apply follows; a run without one has changed nothing.
    begun = Run.objects.filter(resource_id=resource_id, finished_at__isnull=False).exclude(plan_digest="")
    last = begun.exclude(status=RunStatus.PLANNED_AND_FINISHED).order_by("-finished_at").only("failure").first()
    return last is not None and last.failure is not None and last.failure["code"] in UNSEEN_ENDS
