"""Lifecycles as data: the only place in Python that says which status may follow which.

The same moves stand as rows in the table ``lifecycle_move``, which one trigger in PostgreSQL reads; a test compares
both. Code asks for sets of statuses by name (``LIVE_RUN``, ``FINAL_RUN``) and never lists statuses of its own.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import TypeVar

from django.db.models import TextChoices


class Operation(TextChoices):
    """What a run is for."""

    PROVISION = "provision", "Provision"
    UPDATE = "update", "Update"
    ROTATE = "rotate", "Rotate credentials"
    DEPROVISION = "deprovision", "Deprovision"
    VERIFY = "verify", "Verify"
    CHECK_DRIFT = "check_drift", "Check for drift"


class RunStatus(TextChoices):
    """Where a run stands; the names are HCP Terraform's, where it has one."""

    PENDING = "pending", "Waiting for a worker"
    PLANNING = "planning", "Terraform plans"
    PLANNED = "planned", "Plan ready, gates ahead"
    CONFIRMED = "confirmed", "Plan approved, waiting for a worker"
    APPLYING = "applying", "Terraform applies"
    RECOVERING = "recovering", "Finding out what an unclean end left"
    APPLIED = "applied", "Changes were made"
    PLANNED_AND_FINISHED = "planned_and_finished", "Nothing to change"
    ERRORED = "errored", "Failed"
    DISCARDED = "discarded", "Plan rejected"
    CANCELED = "canceled", "Stopped on request"
    SUPERSEDED = "superseded", "Overtaken by a newer intent"


class RequestStatus(TextChoices):
    """Where an ask stands."""

    FULFILLING = "fulfilling", "Being carried out"
    PENDING_APPROVAL = "pending_approval", "Waiting for a person"
    COMPLETED = "completed", "Done"
    FAILED = "failed", "Failed"
    REJECTED = "rejected", "Rejected"
    CANCELED = "canceled", "Canceled"
    EXPIRED = "expired", "Nobody decided in time"


class ResourceStatus(TextChoices):
    """What is known of a resource; whether it is busy is no status, it follows from a live run."""

    PENDING = "pending", "Never made yet"
    READY = "ready", "In order"
    DEGRADED = "degraded", "The last run failed; objects may remain"
    DEPROVISIONED = "deprovisioned", "Gone"


class Desired(TextChoices):
    """What its owners want."""

    PRESENT = "present", "Present"
    ABSENT = "absent", "Absent"


class EnvironmentStatus(TextChoices):
    """Where an environment stands; never stored, for it follows from what is in it."""

    CREATING = "creating", "Being made"
    READY = "ready", "In order"
    DEGRADED = "degraded", "Something in it is degraded"
    FAILED = "failed", "Something in it could not be made, or could not be given back"
    DELETING = "deleting", "Being given back"
    CLOSED = "closed", "Gone"


UNDER_WAY = frozenset({EnvironmentStatus.CREATING, EnvironmentStatus.DELETING})
"""What an environment does not stay; it is final for whoever waits when it is neither."""


class Standing(StrEnum):
    """What one resource says of the environment that it is in."""

    FAILED = "failed"
    BUSY = "busy"
    """On its way to where its owners want it."""
    DEGRADED = "degraded"
    WELL = "well"
    GONE = "gone"


_R, _A, _S = RunStatus, RequestStatus, ResourceStatus

RUN_MOVES: Mapping[RunStatus, frozenset[RunStatus]] = {
    _R.PENDING: frozenset({_R.PLANNING, _R.SUPERSEDED, _R.CANCELED, _R.ERRORED}),
    _R.PLANNING: frozenset({_R.PLANNED, _R.PLANNED_AND_FINISHED, _R.PENDING, _R.ERRORED, _R.CANCELED}),
    _R.PLANNED: frozenset({_R.CONFIRMED, _R.DISCARDED, _R.SUPERSEDED, _R.CANCELED, _R.ERRORED}),
    _R.CONFIRMED: frozenset({_R.APPLYING, _R.SUPERSEDED, _R.CANCELED, _R.ERRORED}),
    _R.APPLYING: frozenset({_R.APPLIED, _R.RECOVERING, _R.ERRORED}),
    _R.RECOVERING: frozenset({_R.RECOVERING, _R.PLANNING, _R.ERRORED, _R.CANCELED}),
}
"""Moves of a run; ``errored`` from anywhere is a platform admin's way out. Who may make a move: docs/lifecycles.md."""

REQUEST_MOVES: Mapping[RequestStatus, frozenset[RequestStatus]] = {
    _A.FULFILLING: frozenset({_A.PENDING_APPROVAL, _A.COMPLETED, _A.FAILED, _A.CANCELED}),
    _A.PENDING_APPROVAL: frozenset({_A.FULFILLING, _A.REJECTED, _A.CANCELED, _A.EXPIRED}),
}

RESOURCE_MOVES: Mapping[ResourceStatus, frozenset[ResourceStatus]] = {
    _S.PENDING: frozenset({_S.READY, _S.DEGRADED, _S.DEPROVISIONED}),
    _S.READY: frozenset({_S.DEGRADED, _S.DEPROVISIONED}),
    _S.DEGRADED: frozenset({_S.READY, _S.DEPROVISIONED}),
}

LIVE_RUN = frozenset(RUN_MOVES)
FINAL_RUN = frozenset(RunStatus) - LIVE_RUN
WAITING_RUN = frozenset({_R.PENDING, _R.PLANNED, _R.CONFIRMED})
"""Nobody holds a lease on these, but for the moment between two steps of one worker."""
LEASED_RUN = LIVE_RUN - WAITING_RUN
CLAIMABLE_RUN = frozenset({_R.PENDING, _R.RECOVERING})
"""Where nobody holds such a run, a worker takes it; also the condition of the index ``run_queue``."""

LIVE_REQUEST = frozenset(REQUEST_MOVES)
FINAL_REQUEST = frozenset(RequestStatus) - LIVE_REQUEST
UNFULFILLED_REQUEST = FINAL_REQUEST - {_A.COMPLETED}
LIVE_RESOURCE = frozenset(RESOURCE_MOVES)

Status = TypeVar("Status", RunStatus, RequestStatus, ResourceStatus)

MACHINES: Mapping[str, tuple[str, Mapping[str, frozenset[str]]]] = {
    "run": (_R.PENDING, {source: frozenset(targets) for source, targets in RUN_MOVES.items()}),
    "provisioning_request": (
        _A.FULFILLING,
        {source: frozenset(targets) for source, targets in REQUEST_MOVES.items()},
    ),
    "resource": (_S.PENDING, {source: frozenset(targets) for source, targets in RESOURCE_MOVES.items()}),
}
"""By table: the status that a row begins with, and the moves; what the rows in PostgreSQL are compared with."""


def sources(moves: Mapping[Status, frozenset[Status]], target: Status) -> frozenset[Status]:
    """Return every status from which ``target`` may be entered."""
    return frozenset(source for source, targets in moves.items() if target in targets)


ENVIRONMENT_VERDICTS: Mapping[Desired, Mapping[Standing, EnvironmentStatus]] = {
    Desired.PRESENT: {
        Standing.FAILED: EnvironmentStatus.FAILED,
        Standing.BUSY: EnvironmentStatus.CREATING,
        Standing.DEGRADED: EnvironmentStatus.DEGRADED,
    },
    Desired.ABSENT: {Standing.FAILED: EnvironmentStatus.FAILED},
}
"""What an environment is when one resource in it stands so; of several the first counts."""

ENVIRONMENT_AT_REST: Mapping[Desired, EnvironmentStatus] = {
    Desired.PRESENT: EnvironmentStatus.READY,
    Desired.ABSENT: EnvironmentStatus.DELETING,
}
"""What an environment is when no resource in it says otherwise."""


def standing(
    *, wanted: Desired, status: ResourceStatus, was_ever_made: bool, newest_request: RequestStatus
) -> Standing:
    """Return what a resource says of its environment.

    The two statuses may have been read one after the other, and the resource gone in between: only a request that came
    to nothing says that something failed.

    Args:
        wanted: What is wanted of the environment.
        status: Where the resource stands.
        was_ever_made: Whether any request for it was fulfilled.
        newest_request: Where the newest request for it stands.
    """
    if wanted is Desired.ABSENT:
        if status is ResourceStatus.DEPROVISIONED:
            return Standing.GONE
        return Standing.FAILED if newest_request in UNFULFILLED_REQUEST else Standing.BUSY
    if status is ResourceStatus.DEPROVISIONED:
        return Standing.GONE if was_ever_made or newest_request is RequestStatus.COMPLETED else Standing.FAILED
    if status is ResourceStatus.DEGRADED:
        return Standing.DEGRADED if was_ever_made else Standing.FAILED
    return Standing.BUSY if status is ResourceStatus.PENDING else Standing.WELL


def environment_status(*, wanted: Desired, is_closed: bool, standings: Collection[Standing]) -> EnvironmentStatus:
    """Return where an environment stands.

    Args:
        wanted: What is wanted of it.
        is_closed: Whether nothing is left of it.
        standings: What each resource in it says.
    """
    if is_closed:
        return EnvironmentStatus.CLOSED
    verdicts = ENVIRONMENT_VERDICTS[wanted]
    return next((status for each, status in verdicts.items() if each in standings), ENVIRONMENT_AT_REST[wanted])
