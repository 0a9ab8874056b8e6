"""A Terraform that does what a test tells it to: no process, no folder, the same protocol."""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from platform_api.core.clock import now
from platform_api.core.errors import SlipwayError
from platform_api.terraform.client import (
    NO_IMPORTS,
    AppliedRun,
    PlanChangedError,
    PlanMode,
    PlannedRun,
    PreparedRun,
    RunEnding,
    Watch,
)
from platform_api.terraform.errors import Failure, FailureKind
from platform_api.terraform.events import Event, EventKind
from platform_api.terraform.journal import Journal
from platform_api.terraform.plan import PlanAction, PlanChange, PlanObject, PlanSummary
from platform_api.terraform.spec import RunSpec
from platform_api.terraform.state import StateVersion
from platform_api.terraform.workdir import DiskSpaceError

DOWN = Failure(
    kind=FailureKind.RETRYABLE,
    code="target_unreachable",
    summary="the fleet's PostgreSQL does not answer",
    remedy="Nothing needs to be done; the run is tried again.",
)
"""A failure that may pass by itself."""

MISSING = Failure(
    kind=FailureKind.PERMANENT,
    code="terraform_failed",
    summary="Cannot import non-existent remote object",
    remedy="Read the diagnostics.",
)
"""What a plan says that shall take over what does not exist."""

TAKEN = Failure(
    kind=FailureKind.USER,
    code="name_taken",
    summary='Database "orders" exists and is not ours',
    remedy="Ask for it under another name, or have the existing one renamed or dropped.",
)
"""A failure that only whoever asked can mend."""


def state_make(
    addresses: Sequence[str],
    *,
    serial: int,
    lineage: str,
    outputs: Mapping[str, Any] | None = None,
    sensitive: Mapping[str, Any] | None = None,
) -> StateVersion:
    """Make a state version as Terraform writes it.

    Args:
        addresses: Objects that exist, ``type.name``.
        serial: Its number in the lineage.
        lineage: Its history.
        outputs: Outputs that may be shown.
        sensitive: Outputs that may not.
    """
    resources = []
    for address in addresses:
        kind, name = address.rsplit(".", 1)
        resources.append({"mode": "managed", "type": kind, "name": name, "instances": [{"attributes": {}}]})
    described = {name: {"value": value} for name, value in (outputs or {}).items()}
    described |= {name: {"value": value, "sensitive": True} for name, value in (sensitive or {}).items()}
    document = {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": serial,
        "lineage": lineage,
        "outputs": described,
        "resources": resources,
    }
    return StateVersion.parse(json.dumps(document).encode())


@dataclass(frozen=True, kw_only=True)
class Script:
    """How one run goes. As it stands everything succeeds, and each object is made in turn."""

    objects: tuple[str, ...] = ("fleet_postgres_role.this", "fleet_postgres_database.this", "fleet_postgres_grant.this")
    """Addresses of what the module holds."""

    outputs: Mapping[str, Any] = field(default_factory=lambda: {"host": "127.0.0.1", "port": 5432})
    sensitive_outputs: Mapping[str, Any] = field(default_factory=dict)

    is_empty: bool = False
    """Whether the plan finds nothing to do."""

    drifted: tuple[str, ...] = ()
    """Addresses that were changed from outside."""

    replaces: tuple[str, ...] = ()
    """Addresses that a plan would destroy and make anew."""

    knows_imports: bool = True
    """Whether what a plan shall take over exists."""

    prepare_error: SlipwayError | None = None
    """Raised by `FakeTerraform.prepare`."""

    recovered: StateVersion | None = None
    """What an earlier attempt left."""

    plan_ending: RunEnding = RunEnding.SUCCEEDED
    plan_failure: Failure | None = None
    """Given with `RunEnding.FAILED`; None is `DOWN`."""

    apply_ending: RunEnding = RunEnding.SUCCEEDED
    apply_failure: Failure | None = None
    """Given with `RunEnding.FAILED`; None is `DOWN`."""

    ends_after: int = 0
    """After how many objects an apply ends that does not succeed. The next object is what failed; where it was not
    Terraform that gave up, it is left in doubt."""


class FakeTerraform:
    """A `TerraformClient` that plays scripts.

    It remembers nothing between runs but what a real one would be handed back: prior state and saved plan come with
    the spec. ``Watch.should_stop`` is asked before the plan and before each object.

    Attributes:
        specs: What was prepared, in order.
        calls: ``plan normal``, ``apply`` and the like, in order.
        imports: What each plan was to take over, in order.
        is_full: Whether the worker's disk is too full for a run.
    """

    def __init__(self, *scripts: Script) -> None:
        """Take the scripts of the runs to come.

        Args:
            scripts: One for each `prepare`; the last one goes on for ever. None at all: everything succeeds.
        """
        self._scripts = list(scripts) or [Script()]
        self.specs: list[RunSpec] = []
        self.calls: list[str] = []
        self.imports: list[Mapping[str, str]] = []
        self.is_full = False

    def room_check(self) -> None:
        """Find room, unless the disk is full; see `TerraformClient.room_check`."""
        if self.is_full:
            raise DiskSpaceError

    def left(self) -> tuple[str, ...]:
        """Return nothing: there are no folders."""
        return ()

    def clear(self, run_id: str) -> None:
        """Do nothing: there are no folders."""

    @contextmanager
    def prepare(self, spec: RunSpec) -> Iterator[PreparedRun]:
        """Take the next script; see `TerraformClient.prepare`."""
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        self.specs.append(spec)
        if script.prepare_error is not None:
            raise script.prepare_error
        yield _FakeRun(spec, script, self.calls, self.imports)


class _FakeRun:
    """One scripted run."""

    def __init__(self, spec: RunSpec, script: Script, calls: list[str], imports: list[Mapping[str, str]]) -> None:
        self._spec = spec
        self._script = script
        self._calls = calls
        self._imports = imports
        self._plan = spec.saved_plan
        self._prior = StateVersion.parse(spec.prior_state) if spec.prior_state else None
        self.recovered = script.recovered

    def plan(self, *, mode: PlanMode, watch: Watch, imports: Mapping[str, str] = NO_IMPORTS) -> PlannedRun:
        """Emit a planned change for each object, then end as the script says; see `PreparedRun.plan`."""
        self._calls.append(f"plan {mode}")
        self._imports.append(dict(imports))
        if imports and not self._script.knows_imports:
            return PlannedRun(ending=RunEnding.FAILED, failure=MISSING)
        if watch.should_stop():
            return PlannedRun(ending=RunEnding.STOPPED)
        if self._script.plan_ending is not RunEnding.SUCCEEDED:
            return PlannedRun(
                ending=self._script.plan_ending,
                failure=_failure(self._script.plan_ending, self._script.plan_failure),
            )
        is_empty = self._script.is_empty or mode is PlanMode.REFRESH_ONLY
        addresses = () if is_empty else self._script.objects
        objects = tuple(_object(address, self._action(address, mode)) for address in addresses)
        for item in objects:
            watch.on_event(_event(EventKind.PLANNED_CHANGE, item.address, item.action, "planned"))
        drifted = tuple(_object(address, PlanAction.UPDATE) for address in self._script.drifted)
        self._plan = json.dumps({"mode": mode, "nonce": uuid.uuid4().hex}).encode()
        return PlannedRun(
            ending=RunEnding.SUCCEEDED,
            summary=PlanSummary(objects=objects, drifted=drifted, is_empty=is_empty),
            digest=_digest(self._plan),
            plan=self._plan,
        )

    def apply(self, *, digest: str, watch: Watch) -> AppliedRun:
        """Do one object after the other, with a state for each; see `PreparedRun.apply`."""
        self._calls.append("apply")
        if self._plan is None or _digest(self._plan) != digest:
            raise PlanChangedError
        mode = PlanMode(json.loads(self._plan)["mode"])
        state = self._prior
        lineage = state.lineage if state else str(uuid.uuid4())
        ending = RunEnding.SUCCEEDED
        journal = Journal(len(self._script.objects))
        for number, address in enumerate(self._script.objects):
            if watch.should_stop():
                ending = RunEnding.STOPPED
                break
            action = self._action(address, mode)
            watch.on_event(journal.take(_event(EventKind.APPLY_START, address, action, "begun")))
            if self._script.apply_ending is not RunEnding.SUCCEEDED and number >= self._script.ends_after:
                ending = self._script.apply_ending
                if ending is RunEnding.FAILED:
                    watch.on_event(journal.take(_event(EventKind.APPLY_ERRORED, address, action, "errored")))
                break
            watch.on_event(journal.take(_event(EventKind.APPLY_COMPLETE, address, action, "complete")))
            is_destroy = mode is PlanMode.DESTROY
            there = self._script.objects[number + 1 :] if is_destroy else self._script.objects[: number + 1]
            is_last = not is_destroy and number + 1 == len(self._script.objects)
            state = state_make(
                there,
                serial=(state.serial if state else 0) + 1,
                lineage=lineage,
                outputs=self._script.outputs if is_last else None,
                sensitive=self._script.sensitive_outputs if is_last else None,
            )
            watch.on_state(state)
        failure = _failure(ending, self._script.apply_failure)
        return AppliedRun(ending=ending, failure=failure, state=state, journal=journal.entries)

    def _action(self, address: str, mode: PlanMode) -> PlanAction:
        if mode is PlanMode.DESTROY:
            return PlanAction.DESTROY
        if address in self._script.replaces:
            return PlanAction.REPLACE
        return PlanAction.UPDATE if self._prior and address in self._prior.addresses else PlanAction.CREATE


def _failure(ending: RunEnding, wanted: Failure | None) -> Failure | None:
    return (wanted or DOWN) if ending is RunEnding.FAILED else None


def _digest(plan: bytes) -> str:
    return f"sha256:{hashlib.sha256(plan).hexdigest()}"


def _event(kind: EventKind, address: str, action: PlanAction, words: str) -> Event:
    word = "delete" if action is PlanAction.DESTROY else action.value
    is_made = kind is EventKind.APPLY_COMPLETE and action is PlanAction.CREATE
    return Event(
        kind=kind,
        at=now(),
        line=f"{address}: {word} {words}",
        address=address,
        action=word,
        id_key="id" if is_made else "",
        id_value=f"id of {address}" if is_made else "",
    )


def _object(address: str, action: PlanAction) -> PlanObject:
    return PlanObject(
        address=address,
        type=address.rsplit(".", 1)[0],
        action=action,
        is_stateful="database" in address,
        changes=(PlanChange(path="name", before=None, after="orders"),),
    )
