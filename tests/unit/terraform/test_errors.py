import pytest

from platform_api.process.children import ProgramStartError
from platform_api.terraform.client import PlanChangedError
from platform_api.terraform.errors import FailureKind, failure_classify, failure_of
from platform_api.terraform.events import Diagnostic
from platform_api.terraform.templates import TemplateDamagedError
from platform_api.terraform.workdir import DiskSpaceError, InputsUnusableError, WorkdirBusyError


def error(summary: str, detail: str = "") -> Diagnostic:
    return Diagnostic(severity="error", summary=summary, detail=detail)


@pytest.mark.parametrize(
    ("summary", "detail", "code", "kind"),
    [
        ("Making role x: the fleet's PostgreSQL does not answer", "", "target_unreachable", "retryable"),
        ("Making role x: the fleet's PostgreSQL refuses its admin", "", "target_refuses_admin", "platform"),
        ("The fleet's credentials are of no use", "", "target_refuses_admin", "platform"),
        ("Making role x: a lock was not given within 15 s", "", "target_busy", "retryable"),
        ("Making x: the statement took longer than 120 s", "", "target_busy", "retryable"),
        ("Making x: the server's disk is full", "", "target_disk_full", "platform"),
        ("Making x: the server only reads", "", "target_read_only", "platform"),
        ('Database "x" exists and is not ours', "", "name_taken", "user"),
        ("password_verifier is not a SCRAM-SHA-256 verifier", "", "verifier_unusable", "platform"),
        ("Dropping role x: other objects still depend on it", "", "target_in_use", "user"),
        ("Fault inside the fleet provider", "KeyError", "provider_fault", "platform"),
        ("Plugin did not respond", "The plugin encountered\nan error", "provider_crashed", "retryable"),
        ("Failed to write plan", "write plan.bin: no space left\non device", "worker_disk_full", "platform"),
        ("Error acquiring the state lock", "", "state_locked", "retryable"),
        ("Saved plan is stale", "", "plan_stale", "retryable"),
        ("Invalid value for variable", "name must be …", "variable_invalid", "user"),
        ("Invalid value for input variable", "a number is required", "variable_invalid", "user"),
        ("No value for required variable", "", "variable_missing", "platform"),
        ("Resource postcondition failed", "", "module_check_failed", "user"),
        ("Instance cannot be destroyed", "", "destroy_prevented", "user"),
        ("Inconsistent dependency lock file", "", "template_unusable", "platform"),
        ("Something new", "never heard of", "terraform_failed", "permanent"),
    ],
)
def test_an_error_is_known_by_its_words(summary: str, detail: str, code: str, kind: str) -> None:
    failure = failure_classify([error(summary, detail)], return_code=1)
    assert (failure.code, failure.kind) == (code, kind)
    assert (failure.summary, failure.detail) == (summary, detail)
    assert failure.remedy
    assert failure.is_retryable == (kind == "retryable")


def test_an_echo_of_an_error_does_not_hide_it_and_a_warning_does_not_count() -> None:
    warning = Diagnostic(severity="warning", summary="Plugin did not respond")
    said = [warning, error("Provider says no"), error("x: the fleet's PostgreSQL does not answer")]
    failure = failure_classify(said, return_code=1)
    assert failure.code == "target_unreachable"
    assert failure.diagnostics == tuple(said)


def test_a_terraform_that_was_killed_may_be_tried_again_unless_it_said_why_it_ends() -> None:
    assert failure_classify([], return_code=-9).code == "terraform_killed"
    assert failure_classify([], return_code=-9).kind is FailureKind.RETRYABLE
    assert failure_classify([error("no space left on device")], return_code=-9).code == "worker_disk_full"


def test_an_end_without_a_diagnostic_quotes_and_reads_what_was_said_in_plain_words() -> None:
    failure = failure_classify([], return_code=2, plain="panic: nil")
    assert (failure.code, failure.kind, failure.detail) == ("terraform_broke", FailureKind.PLATFORM, "panic: nil")
    known = failure_classify([], return_code=1, plain="Error: Failed to load plugin schemas")
    assert known.code == "provider_crashed"


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (WorkdirBusyError(), FailureKind.RETRYABLE),
        (PlanChangedError(), FailureKind.RETRYABLE),
        (DiskSpaceError("1 byte is free"), FailureKind.PLATFORM),
        (ProgramStartError("terraform is not there"), FailureKind.PLATFORM),
        (TemplateDamagedError(), FailureKind.PLATFORM),
        (InputsUnusableError(), FailureKind.USER),
    ],
)
def test_a_refusal_of_the_adapter_is_recorded_in_the_same_form(refusal: DiskSpaceError, kind: FailureKind) -> None:
    failure = failure_of(refusal)
    assert (failure.kind, failure.code) == (kind, refusal.code)
    assert failure.remedy
