"""The steps of one claimed run: prepare, plan, gates, apply, finish; each fenced, timed, written down."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from platform_api.core import sealing
from platform_api.core.errors import SlipwayError
from platform_api.core.failpoints import failpoint
from platform_api.terraform.client import (
    NO_IMPORTS,
    AppliedRun,
    PlanMode,
    PlannedRun,
    PreparedRun,
    RunEnding,
    Watch,
)
from platform_api.terraform.errors import Failure, failure_of
from platform_api.terraform.events import Event
from platform_api.terraform.spec import Template
from platform_api.terraform.state import StateVersion
from provisioning.dispatch import runs_notify
from provisioning.models import PlanFile
from provisioning.selectors.plans import plan_summary_json
from provisioning.services.execution.claims import (
    RELEASED,
    Claim,
    ClockTimestamp,
    LeaseLostError,
    run_move,
    seconds_from_now,
)
from provisioning.services.execution.credentials import (
    RunCredentials,
    credentials_ensure,
    credentials_try,
    credentials_unkept,
)
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.facts import RunFacts, run_facts, spec_make
from provisioning.services.execution.leases import Lease
from provisioning.services.execution.limits import MAX_ATTEMPTS, RETRY_SECONDS, SILENCE_SECONDS
from provisioning.services.execution.narrating import Narration, origin_of, told
from provisioning.services.execution.outcomes import canceled, run_applied, run_failed
from provisioning.services.execution.records import RunLog, objects_left, state_store
from provisioning.services.execution.remains import remains_of, remains_unseen
from provisioning.services.execution.workers import Worker
from provisioning.states import Operation, RunStatus

logger = logging.getLogger(__name__)

WOULD_LOSE_DATA = RunFailure(
    code="verify_would_lose_data",
    kind="platform",
    detail="What was found can only be put right by replacing or destroying an object that holds data.",
    remedy="Look at the plan; change the resource, or deprovision it, if that is what you want.",
)


@dataclass
class Carrier:
    """The steps of one claimed run.

    Attributes:
        status: Where the run stands, as far as this worker knows.
        has_applied: Whether any attempt began to apply.
        has_touched: Whether this one began to change something outside.
        is_for_others: Whether another worker is to go on, because this one is to end.
    """

    claim: Claim
    lease: Lease
    worker: Worker

    def __post_init__(self) -> None:
        self.status, self.has_applied = self.claim.status, self.claim.has_applied
        self.has_touched = self.is_for_others = False

    def carry(self) -> None:
        """Carry the run out, to an end or back into the queue.

        Raises:
            LeaseLostError: Another worker has taken over; nothing more was written.
        """
        self.story = Narration(log=self.lease.ride(lambda: RunLog.resume(self.claim, ride=self.lease.ride)))
        try:
            self._carry()
            if self.is_for_others:  # not before the run's folder is gone: who takes over may work on this host
                self._hand_over()
        except LeaseLostError:
            raise
        except SlipwayError as error:
            self._fail_or_retry(failure_of(error), left=None)
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
        self.story.say(f"Attempt {self.claim.attempt} of {MAX_ATTEMPTS} begins.", event=origin_of(self.claim))
        with self.story.step("prepare"):
            facts = self.lease.ride(lambda: run_facts(self.claim))
            credentials = self._credentials(facts)
            self.story.flush()  # whoever watches sees that it has begun, well before Terraform has something to say
            template: Template = self.worker.templates.template_of(facts.version)
            spec = spec_make(facts, credentials, template=template)
        with self.worker.client.prepare(spec) as prepared:
            failpoint("worker.after_prepare")
            if prepared.recovered is not None:
                self._keep_state(prepared.recovered)
            imports = self._recover(facts, prepared) if self.claim.has_applied else NO_IMPORTS
            if imports is None or (facts.is_in_doubt and not self._adopt(facts, prepared)):
                return
            planned = self._plan(facts, prepared, imports)
            if planned is None:
                return
            self._apply(facts, prepared, planned)

    def _credentials(self, facts: RunFacts) -> RunCredentials:
        if facts.is_gone:
            return credentials_unkept(manifest=facts.manifest)
        return self.lease.ride(lambda: credentials_ensure(self.claim, manifest=facts.manifest))

    def _recover(self, facts: RunFacts, prepared: PreparedRun) -> Mapping[str, str] | None:
        """Find out what an earlier attempt's apply left; return what the plan has to take over, or None at the end.

        What is known to be made is taken over by its id. For the rest a plan is made anew: it sees what is there, and
        providers that know their objects by name take over what was made without a word.
        """
        with self.story.step("recover"):
            prior = None if facts.prior_state is None else StateVersion.parse(facts.prior_state)
            state = prepared.recovered or prior
            remains = self.lease.ride(lambda: remains_of(self.claim.run_id, state=state))
            self.story.say(
                f"An apply ended unclean. The newest state knows {len(remains.known)} objects; made and not in it: "
                f"{_listed(remains.made)}; in doubt: {_listed(remains.doubtful)}.",
                level="warn",
            )
            self.story.flush()
        if facts.run.cancel_requested_at is not None:
            self._end(canceled(objects_left=remains.addresses), is_canceled=True)
            return None
        if self.status is RunStatus.RECOVERING:
            self._move(RunStatus.PLANNING, deadline=seconds_from_now(facts.timeouts["plan_seconds"]))
        return NO_IMPORTS if facts.takes_down else remains.made

    def _adopt(self, facts: RunFacts, prepared: PreparedRun) -> bool:
        """Take over what an apply that ended unseen may have left; False where the run is over.

        It is part of planning: whatever it makes, the same run takes down, and doing it twice does no harm.
        """
        self.story.say("Something may be left that no state tells of; it is taken over first.")
        with self.story.step("adopt"):
            planned = prepared.plan(mode=PlanMode.NORMAL, watch=self._watch(facts.timeouts["plan_seconds"]))
            if planned.ending is not RunEnding.SUCCEEDED:
                self._unplanned(planned)
                return False
            if planned.is_empty:
                return True
            self.lease.ride(lambda: credentials_try(self.claim))
            self.has_touched = True
            applied = prepared.apply(digest=planned.digest, watch=self._watch(facts.timeouts["plan_seconds"]))
        if applied.state is not None:
            self._keep_state(applied.state)
        if applied.ending is RunEnding.SUCCEEDED:
            return True
        left = objects_left(applied.state, applied.journal)
        if applied.failure is not None:
            self._fail_or_retry(applied.failure, left=left)
        else:
            self._interrupted(applied.ending, left=left)
        return False

    def _plan(self, facts: RunFacts, prepared: PreparedRun, imports: Mapping[str, str]) -> PlannedRun | None:
        """Plan, and take the gates; None where the run is over."""
        mode = PlanMode.DESTROY if facts.takes_down else PlanMode.NORMAL
        watch = self._watch(facts.timeouts["plan_seconds"])
        with self.story.step("plan"):
            planned = prepared.plan(mode=mode, watch=watch, imports=imports)
            if imports and planned.ending is RunEnding.FAILED:
                self.story.say("What was made cannot be taken over by its id; the plan looks for it.", level="warn")
                planned = prepared.plan(mode=mode, watch=watch)
        if planned.ending is not RunEnding.SUCCEEDED:
            self._unplanned(planned)
            return None
        summary = planned.summary
        if summary is None:
            raise TypeError("a plan that succeeded has a summary")
        self.story.say(
            f"Plan: {summary.add} to add, {summary.change} to change, {summary.replace} to replace, "
            f"{summary.destroy} to destroy."
        )
        shown = {"plan_summary": plan_summary_json(summary), "plan_digest": planned.digest}
        if planned.is_empty:
            state = prepared.recovered or (StateVersion.parse(facts.prior_state) if facts.prior_state else None)
            outputs = self._shown_outputs(facts, state.outputs.shown if state else {})
            self.story.flush()
            self._applied(RunStatus.PLANNED_AND_FINISHED, outputs=outputs, **shown)
            return None
        with self.story.step("policy"):
            if facts.run.operation == Operation.VERIFY and not facts.takes_down and summary.loses_data:
                self._end(WOULD_LOSE_DATA)
                return None
            sealed = sealing.seal(planned.plan, place=f"plan_file/{self.claim.run_id}/{planned.digest}")
        failpoint("worker.before_plan_stored")
        self.lease.ride(lambda: self._confirm(facts, planned.digest, sealed, steps=summary.steps, shown=shown))
        self.status, self.has_applied, self.has_touched = RunStatus.APPLYING, True, True
        return planned

    def _confirm(self, facts: RunFacts, digest: str, sealed: bytes, *, steps: int, shown: Mapping[str, Any]) -> None:
        with transaction.atomic():
            # No rule asks for a person yet, so nothing waits between these three.
            run_move(self.claim, RunStatus.PLANNED, **shown)
            self._keep_plan(digest, sealed)
            run_move(self.claim, RunStatus.CONFIRMED)
            failpoint("worker.between_gate_and_apply")
            credentials_try(self.claim)
            run_move(
                self.claim,
                RunStatus.APPLYING,
                deadline=seconds_from_now(facts.timeouts["apply_seconds"] + self.worker.terms.lease_seconds),
                steps=[*self.story.steps, {"name": "apply", "status": "running", "seconds": 0.0}],
                progress={"percent": 0, "done": 0, "total": steps, "current": ""},
            )

    def _apply(self, facts: RunFacts, prepared: PreparedRun, planned: PlannedRun) -> None:
        """Apply, and end the run."""
        with self.story.step("apply"):
            applied = prepared.apply(digest=planned.digest, watch=self._watch(facts.timeouts["apply_seconds"]))
            failpoint("worker.after_terraform")
            if applied.state is not None:
                self._keep_state(applied.state)
        if applied.ending is RunEnding.SUCCEEDED:
            self._finish(facts, applied)
            return
        left = objects_left(applied.state, applied.journal)
        if applied.failure is not None:
            self._fail_or_retry(applied.failure, left=left)
        else:
            self._interrupted(applied.ending, left=left)

    def _finish(self, facts: RunFacts, applied: AppliedRun) -> None:
        self.story.say("Done.")
        self.story.flush()
        outputs = self._shown_outputs(facts, applied.state.outputs.shown if applied.state else {})
        done = {"percent": 100, "done": len(applied.journal), "total": len(applied.journal), "current": ""}
        self._applied(RunStatus.APPLIED, outputs=outputs, progress=done)

    def _applied(self, to: RunStatus, **changes: Any) -> None:
        self.lease.ride(lambda: run_applied(self.claim, status=to, steps=self.story.steps, **changes))
        failpoint("worker.after_finish")

    def _unplanned(self, planned: PlannedRun) -> None:
        failure = planned.failure
        if failure is None:
            self._interrupted(planned.ending, left=self._unseen())
        else:
            self._fail_or_retry(failure, left=None)

    def _fail_or_retry(self, failure: Failure, *, left: tuple[str, ...] | None) -> None:
        """Try again later what may pass by itself: a plan as it was, an apply by finding out first what it did."""
        if failure.is_retryable and self.claim.attempt < MAX_ATTEMPTS:
            self._retry(failure)
        else:
            self._fail(failure, left=self._unseen() if left is None else left)

    def _unseen(self) -> tuple[str, ...]:
        if not self.has_applied:
            return ()
        self.story.flush()
        ids = {"run_id": self.claim.run_id, "resource_id": self.claim.resource_id}
        return self.lease.ride(lambda: remains_unseen(**ids))

    def _retry(self, failure: Failure) -> None:
        seconds = RETRY_SECONDS * 2 ** (self.claim.attempt - 1)
        self.story.say(f"{told(failure)} Tried again in {seconds} s.", level="warn")
        self.story.flush()
        to = RunStatus.PENDING if self.status is RunStatus.PLANNING else RunStatus.RECOVERING
        self._move(to, not_before=seconds_from_now(seconds), steps=[], **RELEASED)

    def _hand_over(self) -> None:
        """Let another worker go on at once; that this one is to end costs the run no attempt."""
        self.story.say("This worker is being shut down; another one goes on.")
        self.story.flush()
        to = RunStatus.PENDING if self.status is RunStatus.PLANNING else RunStatus.RECOVERING
        self._move(to, attempt=F("attempt") - 1, not_before=ClockTimestamp(), steps=[], **RELEASED)
        runs_notify()

    def _move(self, to: RunStatus, **changes: Any) -> None:
        self.lease.ride(lambda: run_move(self.claim, to, **changes))
        self.status = to

    def _interrupted(self, ending: RunEnding, *, left: tuple[str, ...]) -> None:
        if self.lease.is_lost:
            raise LeaseLostError
        if ending is RunEnding.STOPPED and self.lease.is_cancel_requested:
            self._end(canceled(objects_left=left), is_canceled=True)
            return
        if ending is RunEnding.STOPPED and not self.lease.is_overdue and self.worker.drain.is_over:
            self.is_for_others = True
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
        detail = told(failure)
        self.story.say(detail, level="error")
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
        self.story.flush()
        told_apart = {"has_applied": self.has_applied, "is_canceled": is_canceled}
        self.lease.ride(lambda: run_failed(self.claim, failure, **told_apart, steps=self.story.steps))

    def _watch(self, seconds: float) -> Watch:
        return Watch(
            deadline_seconds=seconds,
            silence_seconds=SILENCE_SECONDS,
            on_event=self._hear,
            on_state=self._keep_state,
            should_stop=self._should_stop,
        )

    def _hear(self, event: Event) -> None:
        failpoint("worker.in_apply" if self.status is RunStatus.APPLYING else "worker.in_plan")
        self.story.hear(event)

    def _should_stop(self) -> bool:
        """Tell whether to stop; asked four times a second, also while Terraform says nothing."""
        is_over = self.lease.should_stop() or self.worker.drain.is_over
        if not is_over:
            self.story.flush_due()
        return is_over

    def _keep_state(self, state: StateVersion) -> None:
        self.lease.ride(
            lambda: state_store(self.claim, lineage=state.lineage, serial=state.serial, content=state.content)
        )
        failpoint("worker.after_state")

    def _keep_plan(self, digest: str, sealed: bytes) -> None:
        """Keep the plan, in the transaction whose move is the fence; it takes the place of an earlier attempt's."""
        plan = PlanFile(run_id=self.claim.run_id, digest=digest, sealed=sealed, created_at=ClockTimestamp())
        told = ["digest", "sealed", "created_at"]
        PlanFile.objects.bulk_create([plan], update_conflicts=True, unique_fields=["run_id"], update_fields=told)

    def _shown_outputs(self, facts: RunFacts, outputs: Any) -> dict[str, Any]:
        return {name: outputs.get(name) for name in facts.manifest["outputs"]["shown"]}


def _listed(addresses: Iterable[str]) -> str:
    return ", ".join(addresses) or "none"
