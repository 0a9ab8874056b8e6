"""A worker carries one run out: claim, prepare, plan, gates, apply, finish; each step fenced, timed, written down."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from platform_api.core import sealing, tracing
from platform_api.core.errors import SlipwayError
from platform_api.core.failpoints import failpoint
from platform_api.terraform.client import (
    AppliedRun,
    PlanMode,
    PlannedRun,
    PreparedRun,
    RunEnding,
    TerraformClient,
    Watch,
)
from platform_api.terraform.errors import Failure, failure_of
from platform_api.terraform.events import Event
from platform_api.terraform.spec import Template
from platform_api.terraform.state import StateVersion
from provisioning.models import PlanFile
from provisioning.models.logs import LogSource
from provisioning.selectors.plans import plan_summary_json
from provisioning.services.execution.adoption import is_in_doubt
from provisioning.services.execution.claims import (
    RELEASED,
    Claim,
    ClockTimestamp,
    LeaseLostError,
    LeaseTerms,
    run_claim,
    run_move,
    seconds_from_now,
)
from provisioning.services.execution.credentials import credentials_ensure, credentials_try
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.facts import RunFacts, run_facts, spec_make
from provisioning.services.execution.leases import Lease
from provisioning.services.execution.outcomes import canceled, run_applied, run_failed
from provisioning.services.execution.records import RunLog, objects_left, objects_left_unseen, state_store
from provisioning.services.execution.templates import TemplateShelf
from provisioning.states import RunStatus

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""How often a run is planned in all; a plan has no side effects, so trying again is safe."""

RETRY_SECONDS = 5
"""Before the second attempt; twice as long before the third."""

PLAN_SECONDS_DEFAULT = 600
"""Deadline at the claim, before the offering's own is known."""

SILENCE_SECONDS = 120
"""Terraform speaks every 10 s while it works on an object; this long without a word means that it hangs."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a worker process has at hand.

    Attributes:
        owner: Its name in leases: host, process and a random part.
        client: Terraform.
        templates: Modules made ready on this host.
        pools: Queues that it serves.
        terms: How long its claims hold.
    """

    owner: str
    client: TerraformClient
    templates: TemplateShelf
    pools: tuple[str, ...] = ("default",)
    terms: LeaseTerms = field(default_factory=LeaseTerms)


def run_carry_out(worker: Worker, *, hint: UUID | None) -> UUID | None:
    """Carry out the run of a hint, or whatever waits; return its id, or None where nothing waits.

    1. Claim. Losing the claim is no error: another worker has it.
    2. Keep the lease from a thread while the steps go on.
    3. A lost lease ends the work at once and writes nothing: the run is another's. An unforeseen exception ends the run
       as ``internal_error``, and is raised.
    """
    failpoint("worker.after_hint")
    claim = (_claim(worker, hint) if hint else None) or _claim(worker, None)
    if claim is None:
        return None
    with claim.bound(), Lease(claim, worker.terms) as lease:
        failpoint("worker.after_claim")
        try:
            _Carrier(claim=claim, lease=lease, worker=worker, log=RunLog.resume(claim)).carry()
        except LeaseLostError:
            logger.warning("run %s: epoch %d is not the newest any more; stopped", claim.run_id, claim.epoch)
    return claim.run_id


def _claim(worker: Worker, run_id: UUID | None) -> Claim | None:
    return run_claim(
        owner=worker.owner,
        pools=list(worker.pools),
        terms=worker.terms,
        plan_seconds=PLAN_SECONDS_DEFAULT,
        run_id=run_id,
    )


@dataclass
class _Carrier:
    """The steps of one claimed run."""

    claim: Claim
    lease: Lease
    worker: Worker
    log: RunLog
    steps: list[dict[str, Any]] = field(default_factory=list)
    has_applied: bool = False

    def carry(self) -> None:
        try:
            self._carry()
        except LeaseLostError:
            raise
        except SlipwayError as error:
            self._fail_or_retry(failure_of(error))
        except Exception:
            logger.exception("run %s: unforeseen exception", self.claim.run_id)
            self._end(
                RunFailure(
                    code="internal_error",
                    kind="platform",
                    detail="Something went wrong on our side.",
                    remedy="Tell the platform team the id of this run; it can be repeated.",
                    objects_left=self._unseen(),
                )
            )
            raise

    def _carry(self) -> None:
        self.log.write(f"Attempt {self.claim.attempt} of {MAX_ATTEMPTS} begins.", event=self._origin())
        with self._step("prepare"):
            facts = run_facts(self.claim)
            credentials = credentials_ensure(self.claim, manifest=facts.manifest)
            self.log.flush()  # whoever watches sees that it has begun, well before Terraform has something to say
            template: Template = self.worker.templates.template_of(facts.version)
            spec = spec_make(facts, credentials, template=template)
        with self.worker.client.prepare(spec) as prepared:
            failpoint("worker.after_prepare")
            if prepared.recovered is not None:
                self._keep_state(prepared.recovered)
            if facts.is_deprovision and is_in_doubt(facts.resource.pk) and not self._adopt(facts, prepared):
                return
            planned = self._plan(facts, prepared)
            if planned is None:
                return
            self._apply(facts, prepared, planned)

    def _origin(self) -> dict[str, Any]:
        """Return what ties this log to the logs of all others that had to do with the order."""
        return {"kind": "origin", "correlation_id": self.claim.correlation_id, "trace_id": tracing.trace_id()}

    def _adopt(self, facts: RunFacts, prepared: PreparedRun) -> bool:
        """Take over what an apply that ended unseen may have left; False where the run is over.

        It is part of planning: whatever it makes, the same run takes down, and doing it twice does no harm.
        """
        self.log.write("The last apply ended unseen; what it may have left is taken over first.")
        with self._step("adopt"):
            planned = prepared.plan(mode=PlanMode.NORMAL, watch=self._watch(facts.timeouts["plan_seconds"]))
            if planned.ending is not RunEnding.SUCCEEDED:
                self._unplanned(planned)
                return False
            if planned.is_empty:
                return True
            credentials_try(self.claim)
            applied = prepared.apply(digest=planned.digest, watch=self._watch(facts.timeouts["plan_seconds"]))
        if applied.state is not None:
            self._keep_state(applied.state)
        if applied.ending is RunEnding.SUCCEEDED:
            return True
        if applied.failure is not None:
            self._fail(applied.failure)
        else:
            self._interrupted(applied.ending, left=())
        return False

    def _plan(self, facts: RunFacts, prepared: PreparedRun) -> PlannedRun | None:
        """Plan, and take the gates; None where the run is over."""
        mode = PlanMode.DESTROY if facts.is_deprovision else PlanMode.NORMAL
        with self._step("plan"):
            planned = prepared.plan(mode=mode, watch=self._watch(facts.timeouts["plan_seconds"]))
        if planned.ending is not RunEnding.SUCCEEDED:
            self._unplanned(planned)
            return None
        summary = planned.summary
        if summary is None:
            raise TypeError("a plan that succeeded has a summary")
        self.log.write(
            f"Plan: {summary.add} to add, {summary.change} to change, {summary.replace} to replace, "
            f"{summary.destroy} to destroy."
        )
        shown = {"plan_summary": plan_summary_json(summary), "plan_digest": planned.digest}
        if planned.is_empty:
            outputs = StateVersion.parse(facts.prior_state).outputs.shown if facts.prior_state else {}
            self.log.flush()
            run_applied(
                self.claim,
                status=RunStatus.PLANNED_AND_FINISHED,
                outputs=self._shown_outputs(facts, outputs),
                steps=self.steps,
                **shown,
            )
            return None
        with self._step("policy"):
            sealed = sealing.seal(planned.plan, place=f"plan_file/{self.claim.run_id}/{planned.digest}")
        failpoint("worker.before_plan_stored")
        with transaction.atomic():
            # No rule asks for a person yet, so nothing waits between these three.
            run_move(self.claim, RunStatus.PLANNED, **shown)
            self._keep_plan(planned.digest, sealed)
            run_move(self.claim, RunStatus.CONFIRMED)
            failpoint("worker.between_gate_and_apply")
            credentials_try(self.claim)
            run_move(
                self.claim,
                RunStatus.APPLYING,
                deadline=seconds_from_now(facts.timeouts["apply_seconds"] + self.worker.terms.lease_seconds),
                steps=[*self.steps, {"name": "apply", "status": "running", "seconds": 0.0}],
                progress={"percent": 0, "done": 0, "total": summary.steps, "current": ""},
            )
        self.has_applied = True
        return planned

    def _apply(self, facts: RunFacts, prepared: PreparedRun, planned: PlannedRun) -> None:
        """Apply, and end the run."""
        with self._step("apply"):
            applied = prepared.apply(digest=planned.digest, watch=self._watch(facts.timeouts["apply_seconds"]))
            failpoint("worker.after_terraform")
            if applied.state is not None:
                self._keep_state(applied.state)
        if applied.ending is RunEnding.SUCCEEDED:
            self._finish(facts, applied)
            return
        left = objects_left(applied.state, applied.journal)
        if applied.failure is not None:
            self._fail(applied.failure, left=left)
        else:
            self._interrupted(applied.ending, left=left)

    def _finish(self, facts: RunFacts, applied: AppliedRun) -> None:
        self.log.write("Done.")
        self.log.flush()
        outputs = self._shown_outputs(facts, applied.state.outputs.shown if applied.state else {})
        done = {"percent": 100, "done": len(applied.journal), "total": len(applied.journal), "current": ""}
        run_applied(self.claim, status=RunStatus.APPLIED, outputs=outputs, steps=self.steps, progress=done)
        failpoint("worker.after_finish")

    def _unplanned(self, planned: PlannedRun) -> None:
        failure = planned.failure
        if failure is None:
            self._interrupted(planned.ending, left=())
        else:
            self._fail_or_retry(failure)

    def _fail_or_retry(self, failure: Failure) -> None:
        """Try again later what may pass by itself, as long as nothing was changed outside."""
        if failure.is_retryable and not self.has_applied and self.claim.attempt < MAX_ATTEMPTS:
            self._retry(failure)
        else:
            self._fail(failure, left=self._unseen())

    def _unseen(self) -> tuple[str, ...]:
        return objects_left_unseen(self.claim.resource_id) if self.has_applied else ()

    def _retry(self, failure: Failure) -> None:
        seconds = RETRY_SECONDS * 2 ** (self.claim.attempt - 1)
        self.log.write(f"{_told(failure)} Tried again in {seconds} s.", level="warn")
        self.log.flush()
        run_move(self.claim, RunStatus.PENDING, not_before=seconds_from_now(seconds), steps=[], **RELEASED)

    def _interrupted(self, ending: RunEnding, *, left: tuple[str, ...]) -> None:
        if self.lease.is_lost:
            raise LeaseLostError
        if ending is RunEnding.STOPPED and self.lease.is_cancel_requested:
            self._end(canceled(objects_left=left), is_canceled=True)
            return
        what = "said nothing for too long" if ending is RunEnding.SILENT else "did not end in time"
        self._end(
            RunFailure(
                code="run_silent" if ending is RunEnding.SILENT else "run_timed_out",
                kind="platform",
                detail=f"Terraform {what}, and was stopped.",
                remedy="Try again; if it stays, tell the offering's owner.",
                objects_left=left,
            )
        )

    def _fail(self, failure: Failure, *, left: tuple[str, ...] = ()) -> None:
        detail = _told(failure)
        self.log.write(detail, level="error")
        self._end(
            RunFailure(
                code=failure.code,
                kind=failure.kind.value,
                detail=detail,
                remedy=failure.remedy,
                objects_left=left,
            )
        )

    def _end(self, failure: RunFailure, *, is_canceled: bool = False) -> None:
        self.log.flush()
        run_failed(self.claim, failure, has_applied=self.has_applied, is_canceled=is_canceled, steps=self.steps)

    def _watch(self, seconds: float) -> Watch:
        return Watch(
            deadline_seconds=seconds,
            silence_seconds=SILENCE_SECONDS,
            on_event=self._heard,
            on_state=self._keep_state,
            should_stop=self.lease.should_stop,
        )

    def _heard(self, event: Event) -> None:
        failpoint("worker.in_apply" if self.has_applied else "worker.in_plan")
        told = {
            name: value
            for name, value in (
                ("kind", event.kind.value),
                ("address", event.address),
                ("action", event.action),
                ("id_key", event.id_key),
                ("id_value", event.id_value),
                ("seconds", event.seconds),
            )
            if value not in {"", None}
        }
        progress = None if event.progress is None else {"percent": event.progress.percent, **asdict(event.progress)}
        self.log.write(
            event.line, source=LogSource.TERRAFORM, level=event.level, event=told, at=event.at, progress=progress
        )

    def _keep_state(self, state: StateVersion) -> None:
        state_store(self.claim, lineage=state.lineage, serial=state.serial, content=state.content)
        failpoint("worker.after_state")

    def _keep_plan(self, digest: str, sealed: bytes) -> None:
        """Keep the plan, in the transaction whose move is the fence; it takes the place of an earlier attempt's."""
        plan = PlanFile(run_id=self.claim.run_id, digest=digest, sealed=sealed, created_at=ClockTimestamp())
        told = ["digest", "sealed", "created_at"]
        PlanFile.objects.bulk_create([plan], update_conflicts=True, unique_fields=["run_id"], update_fields=told)

    def _shown_outputs(self, facts: RunFacts, outputs: Any) -> dict[str, Any]:
        return {name: outputs.get(name) for name in facts.manifest["outputs"]["shown"]}

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        status = "failed"
        try:
            yield
            status = "done"
        finally:
            self.steps.append({"name": name, "status": status, "seconds": round(time.monotonic() - began, 3)})


def _told(failure: Failure) -> str:
    return " ".join(filter(None, (failure.summary, failure.detail)))
