"""What went wrong in a run, sorted by who can do something about it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from platform_api.core.errors import ConflictError, RefusedError, SlipwayError, UnavailableError
from platform_api.terraform.events import Diagnostic


class FailureKind(StrEnum):
    """Who can do something about a failure."""

    RETRYABLE = "retryable"  # nobody needs to: the same again may succeed
    USER = "user"  # whoever asked, with another value or name
    PLATFORM = "platform"  # the platform's operators
    PERMANENT = "permanent"  # the same again fails again; read the diagnostics to see why


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a run's step failed; holds nothing secret."""

    kind: FailureKind
    code: str
    """Permanent snake_case name."""

    summary: str
    """What is wrong, as one line."""

    detail: str = ""
    """What was found, and where."""

    remedy: str = ""
    """What to do."""

    diagnostics: tuple[Diagnostic, ...] = ()
    """All that Terraform said against it, in its order."""

    @property
    def is_retryable(self) -> bool:
        """Whether the same again may succeed."""
        return self.kind is FailureKind.RETRYABLE


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """A failure that is known by its words."""

    pattern: re.Pattern[str]
    kind: FailureKind
    code: str
    remedy: str


def _known(pattern: str, kind: FailureKind, code: str, remedy: str) -> _Known:
    return _Known(pattern=re.compile(pattern, re.IGNORECASE | re.DOTALL), kind=kind, code=code, remedy=remedy)


_AGAIN = "As a rule it passes by itself."
_OPERATORS = "The platform's operators must look at it; the run can be repeated afterwards."

# The first line that fits a diagnostic's summary and detail counts; the particular stands before the general.
_KNOWN = (
    _known(
        r"refuses its admin|the admin may not do that|fleet's credentials|no PostgreSQL server for this run",
        FailureKind.PLATFORM,
        "target_refuses_admin",
        "Correct the admin credentials of the connection; the run can be repeated afterwards.",
    ),
    _known(
        r"the server's disk is full",
        FailureKind.PLATFORM,
        "target_disk_full",
        "Make room on the target server; the run can be repeated afterwards.",
    ),
    _known(
        r"the server only reads",
        FailureKind.PLATFORM,
        "target_read_only",
        "Let the connection name the primary server; the run can be repeated afterwards.",
    ),
    _known(r"PostgreSQL does not answer", FailureKind.RETRYABLE, "target_unreachable", _AGAIN),
    _known(
        r"a lock was not given within|the statement took longer than|the server has no connection left",
        FailureKind.RETRYABLE,
        "target_busy",
        _AGAIN,
    ),
    _known(
        r"exists and is not ours|are not of one owner",
        FailureKind.USER,
        "name_taken",
        "Ask for it under another name, or have the existing one renamed or dropped.",
    ),
    _known(r"is not a SCRAM-SHA-256 verifier", FailureKind.PLATFORM, "verifier_unusable", _OPERATORS),
    _known(
        r"other objects still depend on it",
        FailureKind.USER,
        "target_in_use",
        "Drop what still depends on it, or give it another owner, and repeat the run.",
    ),
    _known(r"(?:it|the database) is gone|The server has no \w+ of that name", FailureKind.RETRYABLE, "gone", _AGAIN),
    _known(r"fault inside the fleet provider", FailureKind.PLATFORM, "provider_fault", _OPERATORS),
    _known(
        r"plugin did not respond|failed to (?:load|instantiate) (?:the )?(?:plugin|provider)"
        r"|unrecognized remote plugin message|error reattaching|rpc error",
        FailureKind.RETRYABLE,
        "provider_crashed",
        _AGAIN,
    ),
    _known(
        r"no space left on device",
        FailureKind.PLATFORM,
        "worker_disk_full",
        "Make room on the worker's disk; the run can be repeated afterwards.",
    ),
    _known(r"error acquiring the state lock", FailureKind.RETRYABLE, "state_locked", _AGAIN),
    _known(r"saved plan is stale|plan file (?:is|was) (?:stale|created)", FailureKind.RETRYABLE, "plan_stale", _AGAIN),
    _known(
        r"invalid value for (?:input )?variable",
        FailureKind.USER,
        "variable_invalid",
        "Correct the value named; the rule is in the detail.",
    ),
    _known(
        r"no value for required variable|required variable not set",
        FailureKind.PLATFORM,
        "variable_missing",
        _OPERATORS,
    ),
    _known(
        r"resource (?:pre|post)condition failed|check block assertion failed",
        FailureKind.USER,
        "module_check_failed",
        "The module's own check says no; its words are in the detail.",
    ),
    _known(
        r"instance cannot be destroyed",
        FailureKind.USER,
        "destroy_prevented",
        "The module protects this object from being destroyed.",
    ),
    _known(
        r"dependency lock file|missing required provider|required plugins|does not match any of the checksums"
        r"|initialization required|module not installed",
        FailureKind.PLATFORM,
        "template_unusable",
        "Remove the module's prepared template, so that it is made anew; the run can be repeated afterwards.",
    ),
)


def failure_classify(diagnostics: Iterable[Diagnostic], *, return_code: int, plain: str = "") -> Failure:
    """Say why a command failed.

    The first error that is known by its words decides; errors that follow are often only its echo.

    Args:
        diagnostics: What Terraform said, redacted.
        return_code: Its exit status, or the negative number of the signal that ended it.
        plain: What it said last without JSON, redacted; used where no diagnostic says more.
    """
    said = tuple(diagnostics)
    errors = [diagnostic for diagnostic in said if diagnostic.severity == "error"]
    broken = f"Terraform ended with status {return_code} and named no error."
    for error in errors or [Diagnostic(severity="error", summary=broken, detail=plain)]:
        text = f"{error.summary}\n{error.detail}"
        known = next((known for known in _KNOWN if known.pattern.search(_unwrapped(text))), None)
        if known is not None:
            return Failure(
                kind=known.kind,
                code=known.code,
                summary=error.summary,
                detail=error.detail,
                remedy=known.remedy,
                diagnostics=said,
            )
    if return_code < 0:
        return Failure(
            kind=FailureKind.RETRYABLE,
            code="terraform_killed",
            summary=f"Terraform was ended from outside by signal {-return_code}.",
            remedy=_AGAIN,
            diagnostics=said,
        )
    if errors:
        return Failure(
            kind=FailureKind.PERMANENT,
            code="terraform_failed",
            summary=errors[0].summary,
            detail=errors[0].detail,
            remedy="Read the diagnostics; the same run would fail again.",
            diagnostics=said,
        )
    return Failure(
        kind=FailureKind.PLATFORM,
        code="terraform_broke",
        summary=broken,
        detail=plain,
        remedy=_OPERATORS,
        diagnostics=said,
    )


def failure_of(error: SlipwayError) -> Failure:
    """Say the same of a refusal of the adapter itself, so that callers record both in one way."""
    if isinstance(error, RefusedError):
        kind = FailureKind.USER
    elif isinstance(error, UnavailableError | ConflictError) and error.code not in _NEVER_BETTER:
        kind = FailureKind.RETRYABLE
    else:
        kind = FailureKind.PLATFORM
    return Failure(
        kind=kind,
        code=error.code,
        summary=error.title,
        detail=error.detail if error.detail != error.title else "",
        remedy=error.remedy or (_AGAIN if kind is FailureKind.RETRYABLE else _OPERATORS),
    )


# A family says how HTTP answers; these stay unavailable until somebody acts.
_NEVER_BETTER = frozenset({"program_start_failed", "program_missing", "worker_disk_full"})


def _unwrapped(text: str) -> str:
    """Undo the line breaks that Terraform puts into long texts."""
    return re.sub(r"\s+", " ", text)
