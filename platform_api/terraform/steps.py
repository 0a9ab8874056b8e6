"""One Terraform command, from its start to what it means."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from platform_api.process.children import ProgramStartError
from platform_api.process.commands import Command
from platform_api.process.ladders import Ladder
from platform_api.process.runner import Ending, Outcome, run
from platform_api.terraform.client import RunEnding, Watch
from platform_api.terraform.errors import Failure, failure_classify, failure_of
from platform_api.terraform.events import Diagnostic, event_read
from platform_api.terraform.journal import Journal
from platform_api.terraform.redaction import Redactor

_PLAIN_LINES = 20
_STOPS = {
    Ending.STOPPED: RunEnding.STOPPED,
    Ending.TIMED_OUT: RunEnding.TIMED_OUT,
    Ending.SILENT: RunEnding.SILENT,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """How a command ended."""

    ending: RunEnding
    failure: Failure | None = None


@dataclass(kw_only=True)
class _Listener:
    """Turns lines into events for the watch, and keeps what an ending is explained with."""

    watch: Watch
    redactor: Redactor
    journal: Journal | None
    on_look: Callable[[], None]
    diagnostics: list[Diagnostic] = field(default_factory=list)
    plain_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_PLAIN_LINES))
    """What was said without JSON: by ``show``, and by a Terraform that fails before it knows of its -json."""

    def hear(self, line: str) -> None:
        if not line.strip():
            return
        self.on_look()
        event = event_read(line, self.redactor)
        if self.journal is not None:
            event = self.journal.take(event)
        if event.diagnostic is not None:
            self.diagnostics.append(event.diagnostic)
        if not line.startswith("{"):
            self.plain_lines.append(event.line)
        self.watch.on_event(event)

    def should_stop(self) -> bool:
        self.on_look()
        return self.watch.should_stop()


def step_run(
    command: Command,
    *,
    ladder: Ladder,
    watch: Watch,
    redactor: Redactor,
    journal: Journal | None = None,
    on_look: Callable[[], None] = lambda: None,
) -> StepResult:
    """Run a command under a caller's watch.

    Args:
        command: What to run.
        ladder: How it is stopped.
        watch: Hears of it, and may stop it.
        redactor: Knows the run's secrets.
        journal: Takes note of what is said about objects.
        on_look: Called with each line, and four times a second.

    Returns:
        How it ended. A command that could not be started is a failure too.
    """
    listener = _Listener(watch=watch, redactor=redactor, journal=journal, on_look=on_look)
    try:
        outcome = run(
            command,
            deadline_seconds=watch.deadline_seconds,
            ladder=ladder,
            silence_seconds=watch.silence_seconds,
            should_stop=listener.should_stop,
            on_line=listener.hear,
        )
    except ProgramStartError as error:
        return StepResult(ending=RunEnding.FAILED, failure=failure_of(error))
    return _judge(outcome, listener)


def _judge(outcome: Outcome, listener: _Listener) -> StepResult:
    if outcome.ending in _STOPS:
        return StepResult(ending=_STOPS[outcome.ending])
    if outcome.is_success:
        return StepResult(ending=RunEnding.SUCCEEDED)
    failure = failure_classify(
        listener.diagnostics, return_code=outcome.return_code, plain="\n".join(listener.plain_lines)
    )
    return StepResult(ending=RunEnding.FAILED, failure=failure)
