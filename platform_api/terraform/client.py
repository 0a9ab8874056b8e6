"""What provisioning asks of Terraform, and what it gets back. Nothing above this file knows that there is a process.

::

    with client.prepare(spec) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=watch)
        ...  # judge planned.summary, have planned.digest approved
        applied = run.apply(digest=planned.digest, watch=watch)
        ...  # store applied.state; only then is the run's folder removed
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from platform_api.core.errors import ConflictError
from platform_api.terraform.errors import Failure
from platform_api.terraform.events import Event
from platform_api.terraform.journal import JournalEntry
from platform_api.terraform.plan import PlanSummary
from platform_api.terraform.spec import RunSpec
from platform_api.terraform.state import StateVersion


class PlanChangedError(ConflictError):
    """The plan at hand is not the one that was judged; it is not applied."""

    code = "terraform_plan_changed"
    title = "The plan is not the one that was judged"
    remedy = "Plan again, and have the new plan judged."


class PlanMode(StrEnum):
    """What a plan is for."""

    NORMAL = "normal"  # make the objects what the variables say
    DESTROY = "destroy"  # remove all of them
    REFRESH_ONLY = "refresh-only"  # see what was changed from outside; an apply takes it over into the state


class RunEnding(StrEnum):
    """How a plan or an apply ended, by what this side decided: Terraform's exit status tells nothing of a stop."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the failure says why
    STOPPED = "stopped"  # `Watch.should_stop` said so; an apply may have done some or all of its work
    TIMED_OUT = "timed_out"  # the deadline passed
    SILENT = "silent"  # nothing was heard for too long


NO_IMPORTS: Mapping[str, str] = MappingProxyType({})


def _nothing(_value: object) -> None:
    """Take no notice."""


def _never() -> bool:
    """Let it go on."""
    return False


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How the caller accompanies one plan or apply.

    All callbacks come from the thread that called, one at a time, so they may use its database connection and need
    no lock. One that raises stops Terraform as ``should_stop`` does; the exception then goes on to the caller.
    """

    deadline_seconds: float
    """How long it may take, from the start of the step to its end; above 0."""

    silence_seconds: float | None = None
    """How long Terraform may say nothing; None for as long as it likes. It speaks every 10 s while it works on an
    object, and may be silent for longer while it reads existing ones, so less than 30 is seldom wise."""

    on_event: Callable[[Event], None] = _nothing
    """Gets each event, in Terraform's order, within about a quarter of a second."""

    on_state: Callable[[StateVersion], None] = _nothing
    """Gets each new state version while an apply runs, oldest first, and the last one always."""

    should_stop: Callable[[], bool] = _never
    """Asked about four times a second; its first yes is final."""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """How a plan ended and, if it succeeded, what it would do."""

    ending: RunEnding
    failure: Failure | None = None
    """With `RunEnding.FAILED` only."""

    summary: PlanSummary | None = None
    """What may be shown of the plan; with `RunEnding.SUCCEEDED` only, like the next two."""

    digest: str = ""
    """Names exactly this plan; `PreparedRun.apply` wants it back. See `platform_api.terraform.plan.plan_digest`."""

    plan: bytes = field(default=b"", repr=False)
    """The saved plan, for `RunSpec.saved_plan` of a later attempt. Holds secrets: seal it."""

    @property
    def is_empty(self) -> bool:
        """Whether there is a plan, and nothing to apply."""
        return self.summary is not None and self.summary.is_empty


@dataclass(frozen=True, kw_only=True)
class AppliedRun:
    """How an apply ended, and what is known to exist afterwards."""

    ending: RunEnding
    failure: Failure | None = None
    """With `RunEnding.FAILED` only."""

    state: StateVersion | None = None
    """The newest state, however the apply ended; its outputs are there too. None if Terraform wrote none."""

    journal: tuple[JournalEntry, ...] = ()
    """What was begun, and what of it is done. An object begun and not done is in doubt."""


class PreparedRun(Protocol):
    """One run's folder, ready for Terraform."""

    @property
    def recovered(self) -> StateVersion | None:
        """A state newer than the spec's, which an earlier attempt left on this host; store it. Else None."""

    def plan(self, *, mode: PlanMode, watch: Watch, imports: Mapping[str, str] = NO_IMPORTS) -> PlannedRun:
        """Plan; changes nothing but the folder.

        Args:
            mode: What the plan is for.
            watch: How the caller accompanies it.
            imports: Ids of objects that exist and that the state lacks, by the address that they shall have: the plan
                takes them over. It fails where one of them does not exist.
        """

    def apply(self, *, digest: str, watch: Watch) -> AppliedRun:
        """Apply the plan that was made in this folder last, or the spec's saved plan.

        Args:
            digest: The digest of the plan that was judged.
            watch: How the caller accompanies it.

        Raises:
            PlanChangedError: The plan is another one, or there is none. Nothing was done.
        """


class TerraformClient(Protocol):
    """Prepares runs, and clears away what is left of them on this host."""

    def left(self) -> tuple[str, ...]:
        """Return the ids of runs that have a folder here."""

    def clear(self, run_id: str) -> None:
        """End what still works in a run's folder, and remove it with all that is in it.

        Args:
            run_id: A run that has ended, and that nobody will take up again.
        """

    def room_check(self) -> None:
        """See that there is room for a run, before one is taken.

        Raises:
            DiskSpaceError: Less than the wanted space is free on the worker's disk.
        """

    def prepare(self, spec: RunSpec) -> AbstractContextManager[PreparedRun]:
        """Make a run's folder, with its provider if it needs one.

        Leaving the block ends the provider and removes the folder. If an exception leaves it, states stay in the
        folder, and the next `prepare` of the same run on this host collects them.

        Raises:
            DiskSpaceError: Less than the wanted space is free on the worker's disk.
            InputsUnusableError: The variables cannot be written as JSON.
            ProviderNotStartedError: The provider did not come up.
            TemplateDamagedError: The template is not what was registered.
            WorkdirBusyError: Terraform of an earlier attempt still works in the folder.
        """
