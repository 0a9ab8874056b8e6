"""Policies are asked, and what they said is recorded. No answer is a denial, whatever the cause."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings

from governance.engine import canonical
from governance.engine.policy_set import Level, PolicySet, PolicySetError, Stage, policy_set_load
from governance.engine.wire import BUDGET_SECONDS
from governance.models import PolicyDecision, PolicyOutcome
from governance.services.policy_client import HelperSilentError, ask
from governance.services.policy_input import RequestInput
from platform_api.core import spending
from platform_api.core.errors import RequestRefusedError, UnavailableError
from platform_api.core.ids import new_id
from platform_api.core.pointers import pointer
from platform_api.core.sealing import seal

logger = logging.getLogger(__name__)

_NOTHING = b'{"stage":"plan","input":{}}'
TRY_AGAIN = "Try again; if it stays, tell the platform team."


class PolicyDeniedError(RequestRefusedError):
    """At least one policy says no, or none could be asked; has one finding for each objection."""


class PolicySetUnavailableError(UnavailableError):
    """The installation's policy set cannot be read; the cause is for the platform team."""

    code = "unavailable"
    title = "The service cannot answer right now"
    remedy = "Tell the platform team that the policy set cannot be read."


class FindingAnswer(msgspec.Struct, frozen=True):
    """What a rule objects to, as the helper says it."""

    code: str
    msg: str
    path: list[str | int]
    remedy: str


class PolicyResult(msgspec.Struct, frozen=True):
    """What one policy of the set said."""

    id: str
    level: Level
    outcome: PolicyOutcome
    findings: list[FindingAnswer]

    @property
    def detail(self) -> str | None:
        """All objections in one text; None where there is none."""
        return " ".join(found.msg for found in self.findings) or None


class SetAnswer(msgspec.Struct, frozen=True):
    """Which policy set answered; empty where none did."""

    id: str = ""
    version: int = 0
    digest: str = ""

    @property
    def name(self) -> str:
        """The set as texts say it, e.g. ``default@3``."""
        return f"{self.id}@{self.version}"


class Answer(msgspec.Struct, frozen=True):
    """What the helper says; ``engine.wire`` has the form. Its results are read by ``_verdict``."""

    set: SetAnswer = SetAnswer()
    results: msgspec.Raw = msgspec.Raw(b"[]")
    milliseconds: float = 0.0
    error: str | None = None


_NO_SET = SetAnswer()
_ANSWER = msgspec.json.Decoder(Answer)


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdict:
    """What a policy set said, whatever it was asked about.

    Most inputs get one of a few verdicts, so each is read once; who shows it in another shape may keep that by it, too.

    Attributes:
        outcome: What weighs most of all policies' outcomes; ``error`` where none could be asked.
        policy_set: Which set answered.
        results: By policy, in the set's order.
        denials: Findings that refuse, in the shape of a problem document's errors.
        warnings: Findings that do not, in the same shape.
    """

    outcome: PolicyOutcome
    policy_set: SetAnswer = _NO_SET
    results: tuple[PolicyResult, ...] = ()
    denials: tuple[dict[str, Any], ...] = ()
    warnings: tuple[dict[str, Any], ...] = ()

    @cached_property
    def columns(self) -> dict[str, Any]:
        """The columns of a decision's row that follow from it."""
        return {
            "set_id": self.policy_set.id,
            "set_version": self.policy_set.version,
            "set_digest": self.policy_set.digest,
            "outcome": self.outcome.value,
            "results": [
                {"id": result.id, "level": result.level.value, "outcome": result.outcome.value, "detail": result.detail}
                for result in self.results
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a policy set said of an input.

    Attributes:
        stage: When it was asked.
        verdict: What it said.
        canonical_input: What was judged, as JSON text; empty where there was no canonical form.
        milliseconds: What the evaluation took.
    """

    stage: Stage
    verdict: Verdict
    canonical_input: bytes
    milliseconds: float

    @property
    def outcome(self) -> PolicyOutcome:
        """What weighs most of all policies' outcomes; ``error`` where none could be asked."""
        return self.verdict.outcome

    @property
    def denials(self) -> tuple[dict[str, Any], ...]:
        """Findings that refuse, in the shape of a problem document's errors."""
        return self.verdict.denials

    @property
    def is_denied(self) -> bool:
        """Whether the ask must not go on."""
        return self.outcome in {PolicyOutcome.DENY, PolicyOutcome.ERROR}


def policy_decide(*, stage: Stage, value: RequestInput) -> Decision:
    """Ask the policy set; never raises for what a policy or its engine does.

    Args:
        stage: When it is asked.
        value: What is judged.

    Returns:
        A decision; ``denials`` say why the ask must not go on.
    """
    encoded = b""
    try:
        encoded = _canonical(value)
        body = b'{"stage":"%s","input":%s}' % (stage.value.encode(), encoded)
        with spending.OnPolicies():
            received = ask(body, path=settings.POLICY_SOCKET, timeout_seconds=BUDGET_SECONDS[stage])
        answer = _ANSWER.decode(received)
        verdict = _verdict(answer.set, bytes(answer.results))
    except canonical.InputRefusedError as error:
        detail = f"The policies cannot judge this: {error}"
        return _failure(stage, encoded, detail, at=error.pointer, remedy="Leave out or change what is named.")
    except (HelperSilentError, msgspec.DecodeError) as error:
        logger.error("policies could not be asked: %s", error)  # noqa: TRY400 - the text says it all
        return _failure(stage, encoded, "The policies could not be asked.")
    if answer.error is not None:
        return _failure(stage, encoded, answer.error)
    return Decision(stage=stage, verdict=verdict, canonical_input=encoded, milliseconds=answer.milliseconds)


def policy_check() -> None:
    """Return when the policy helper answers; nothing is judged that anybody asked for, and nothing is recorded.

    Raises:
        HelperSilentError: It does not, or not within the time that an order has.
    """
    ask(_NOTHING, path=settings.POLICY_SOCKET, timeout_seconds=BUDGET_SECONDS[Stage.REQUEST])


def policy_require(decision: Decision) -> None:
    """Refuse what a decision denies.

    Raises:
        PolicyDeniedError: With one finding for each objection.
    """
    if decision.is_denied:
        raise PolicyDeniedError("The policies refuse it. Nothing was changed.", errors=decision.denials)


def policy_decision_columns(
    *, decision: Decision, subject_type: str, subject_id: UUID, project_id: UUID
) -> dict[str, Any]:
    """Return the columns of a decision's row; the ordering path inserts them in a statement of its own.

    Args:
        decision: What was said.
        subject_type: What was judged, as in the ids' words, e.g. ``provisioning_request``.
        subject_id: Which one.
        project_id: The project that it is in.
    """
    decision_id = new_id()
    return {
        "id": decision_id,
        "stage": decision.stage.value,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "project_id": project_id,
        **decision.verdict.columns,
        "input_digest": canonical.digest(decision.canonical_input) if decision.canonical_input else "",
        "input_sealed": seal(decision.canonical_input, place=PolicyDecision.place_of_input(decision_id)),
        "milliseconds": decision.milliseconds,
    }


def policy_decision_record(
    *, decision: Decision, subject_type: str, subject_id: UUID, project_id: UUID
) -> PolicyDecision:
    """Keep a decision, in the transaction of what was decided; see ``policy_decision_columns``."""
    columns = policy_decision_columns(
        decision=decision, subject_type=subject_type, subject_id=subject_id, project_id=project_id
    )
    return PolicyDecision.objects.create(**columns)


def policy_set_get() -> PolicySet:
    """Return the installation's policy set as it lies in its folder; the helper takes changes when it is told to.

    Raises:
        PolicySetUnavailableError: It cannot be read; the cause is logged.
    """
    try:
        return policy_set_load(settings.POLICY_DIR)
    except PolicySetError as error:
        logger.error("%s", error)  # noqa: TRY400 - the text says where; no traceback
        raise PolicySetUnavailableError from error


def _canonical(value: RequestInput) -> bytes:
    with suppress(UnicodeEncodeError):  # a lone surrogate; what comes says where
        text = msgspec.json.encode(value, order="sorted")
        if canonical.is_plain(text) and not canonical.has_fractions([value.parameters, value.resource]):
            return text
    return canonical.encode(canonical.normalize(msgspec.to_builtins(value)))


@lru_cache(maxsize=1024)
def _verdict(policy_set: SetAnswer, text: bytes) -> Verdict:
    """Return what results, as JSON text, amount to."""
    results = msgspec.json.decode(text, type=tuple[PolicyResult, ...])
    outcomes = {result.outcome for result in results}
    findings = {
        weight: tuple(
            _finding(result, found) for result in results if result.outcome == weight for found in result.findings
        )
        for weight in (PolicyOutcome.DENY, PolicyOutcome.WARN)
    }
    return Verdict(
        outcome=next((weight for weight in findings if weight in outcomes), PolicyOutcome.ALLOW),
        policy_set=policy_set,
        results=results,
        denials=findings[PolicyOutcome.DENY],
        warnings=findings[PolicyOutcome.WARN],
    )


def _failure(stage: Stage, encoded: bytes, detail: str, *, at: str = "#", remedy: str = TRY_AGAIN) -> Decision:
    denial = {
        "pointer": at,
        "code": "policy_engine_error",
        "policy": None,
        "level": Level.HARD_MANDATORY.value,
        "detail": detail,
        "remedy": remedy,
    }
    verdict = Verdict(outcome=PolicyOutcome.ERROR, denials=(denial,))
    return Decision(stage=stage, verdict=verdict, canonical_input=encoded, milliseconds=0.0)


def _finding(result: PolicyResult, found: FindingAnswer) -> dict[str, Any]:
    return {
        "pointer": pointer(found.path),
        "code": "policy_denied" if result.outcome == PolicyOutcome.DENY else "policy_warning",
        "policy": result.id,
        "level": result.level.value,
        "detail": found.msg,
        "remedy": found.remedy,
    }
