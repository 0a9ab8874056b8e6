"""Terraform as a child of this worker: the client that does it."""

import hashlib
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fleet_provider.address import CREDENTIALS_FILE_VARIABLE
from platform_api.process.commands import Command
from platform_api.process.ladders import TERRAFORM_LADDER, Ladder
from platform_api.process.leftovers import LEFTOVER_LADDER, leftovers_end
from platform_api.terraform.cli import PLAN_LADDER, CommandLine, environment_build
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
from platform_api.terraform.errors import failure_of
from platform_api.terraform.journal import Journal
from platform_api.terraform.plan import (
    PlanSummary,
    PlanUnreadableError,
    plan_digest,
    plan_document,
    plan_summarize,
)
from platform_api.terraform.redaction import Redactor, credential_secrets
from platform_api.terraform.spec import ProviderWay, RunSpec
from platform_api.terraform.state import StateVersion
from platform_api.terraform.steps import StepResult, step_run
from platform_api.terraform.toolchain import Toolchain
from platform_api.terraform.watching import StateWatcher
from platform_api.terraform.workdir import Workdir, disk_space_check, newest_state
from platform_api.terraform.zygote import Zygote

MINIMUM_FREE_BYTES = 2 * 1024**3
"""Free space with which a run begins, unless the caller says otherwise."""

_PLAN_LIMIT_BYTES = 64 * 1024 * 1024  # of JSON; 2 000 objects are about 10 MB


class LocalTerraform:
    """The `TerraformClient` of a worker. Threads may share it; each run needs a thread that outlives its commands.

    After a fork the child's copy works with a zygote of its own.
    """

    def __init__(
        self,
        *,
        base: Path,
        toolchain: Toolchain,
        zygote: Zygote,
        minimum_free_bytes: int = MINIMUM_FREE_BYTES,
        leftover_ladder: Ladder = LEFTOVER_LADDER,
    ) -> None:
        """Set up the client; nothing is started.

        Args:
            base: Where run folders are made: on a local disk, the same for all workers of a host.
            toolchain: Terraform and its configuration.
            zygote: Forks providers; started with the first run that needs one, if not before.
            minimum_free_bytes: Free space on the disk of ``base`` with which a run begins.
            leftover_ladder: How Terraform of an earlier attempt is ended that still works in a run's folder.
        """
        self._base = base
        self._toolchain = toolchain
        self._zygote = zygote
        self._minimum_free_bytes = minimum_free_bytes
        self._leftover_ladder = leftover_ladder

    def room_check(self) -> None:
        """See that there is room for a run; see `TerraformClient.room_check`."""
        self._base.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk_space_check(self._base, self._minimum_free_bytes)

    def left(self) -> tuple[str, ...]:
        """Return the ids of runs that have a folder here; see `TerraformClient.left`."""
        if not self._base.is_dir():
            return ()
        return tuple(sorted(path.name for path in self._base.iterdir() if not path.name.startswith(".")))

    def clear(self, run_id: str) -> None:
        """End what still works in a run's folder, and remove it; see `TerraformClient.clear`."""
        folder = self._base.absolute() / run_id
        leftovers_end(folder, self._leftover_ladder)
        Workdir(folder).remove()

    @contextmanager
    def prepare(self, spec: RunSpec) -> Iterator[PreparedRun]:
        """Make a run's folder and start its provider; see `TerraformClient.prepare`."""
        if (folder := self._base.absolute() / spec.run_id).is_dir():  # an earlier attempt of this run was here
            leftovers_end(folder, self._leftover_ladder)
        workdir, recovered = Workdir.make(self._base, spec, minimum_free_bytes=self._minimum_free_bytes)
        try:
            with self._provider(spec, workdir) as (variables, lifeline):
                environment = environment_build(
                    workdir.folder,
                    run_id=spec.run_id,
                    configuration=self._toolchain.configuration,
                    provider=variables,
                )
                shell = _Shell(
                    line=CommandLine(self._toolchain.program.path),
                    workdir=workdir,
                    environment=environment,
                    pass_fds=lifeline,
                )
                yield LocalRun(spec, shell, recovered=recovered)
        except BaseException:
            workdir.leave(StateVersion.parse(spec.prior_state) if spec.prior_state else None)
            raise
        workdir.remove()

    @contextmanager
    def _provider(self, spec: RunSpec, workdir: Workdir) -> Iterator[tuple[Mapping[str, str], tuple[int, ...]]]:
        """Give what Terraform needs to find the provider: variables, and descriptors to keep open."""
        if spec.credentials is None:
            yield {}, ()
        elif spec.provider_way is ProviderWay.LAUNCH:
            workdir.write(workdir.credentials, json.dumps(spec.credentials).encode())
            yield {CREDENTIALS_FILE_VARIABLE: str(workdir.credentials)}, ()
        else:
            with self._zygote.provider_start(workdir.folder, spec.credentials) as provider:
                yield provider.environment, (provider.lifeline,)


@dataclass(frozen=True, kw_only=True)
class _Shell:
    """All commands of one run: same folder, same environment."""

    line: CommandLine
    workdir: Workdir
    environment: Mapping[str, str]
    pass_fds: tuple[int, ...]

    def command(self, argv: tuple[str, ...], *, output: str, is_told_once: bool) -> Command:
        return Command(
            argv=argv,
            cwd=self.workdir.folder,
            environment=self.environment,
            output=self.workdir.folder / output,
            pass_fds=self.pass_fds,
            parent_death_signal=signal.SIGINT,  # Terraform finishes what is in flight and saves its state
            is_told_once=is_told_once,
        )


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """What a plan's file was found to hold."""

    file_digest: str
    digest: str
    summary: PlanSummary


class LocalRun:
    """One run's folder with its commands; made by `LocalTerraform.prepare`.

    Attributes:
        recovered: See `PreparedRun.recovered`.
    """

    def __init__(self, spec: RunSpec, shell: _Shell, *, recovered: StateVersion | None) -> None:
        self.recovered = recovered
        self._spec = spec
        self._shell = shell
        self._workdir = shell.workdir
        stored = StateVersion.parse(spec.prior_state) if spec.prior_state else None
        self._newest = recovered or stored
        self._redactor = Redactor((*spec.secrets, *credential_secrets(spec.credentials)))
        self._judged: _Judged | None = None

    def plan(self, *, mode: PlanMode, watch: Watch, imports: Mapping[str, str] = NO_IMPORTS) -> PlannedRun:
        """Plan, then read the plan; see `PreparedRun.plan`."""
        deadline_at = time.monotonic() + watch.deadline_seconds
        self._workdir.plan.unlink(missing_ok=True)
        self._workdir.write_imports(imports)
        result = self._step(self._shell.line.plan(mode), output="plan.log", ladder=PLAN_LADDER, watch=watch)
        if result.ending is RunEnding.SUCCEEDED:
            result, judged = self._judge(_remaining(watch, deadline_at))
            if judged is not None:
                summary = judged.summary
                if mode is PlanMode.REFRESH_ONLY:
                    # Terraform calls such a plan applicable also when it saw nothing new (its issue 36403).
                    summary = replace(summary, is_empty=not summary.drifted)
                return PlannedRun(
                    ending=result.ending,
                    summary=summary,
                    digest=judged.digest,
                    plan=self._workdir.plan.read_bytes(),
                )
        return PlannedRun(ending=result.ending, failure=result.failure)

    def apply(self, *, digest: str, watch: Watch) -> AppliedRun:
        """Apply the plan if it is the one judged, and watch its state; see `PreparedRun.apply`."""
        deadline_at = time.monotonic() + watch.deadline_seconds
        if not self._workdir.plan.exists():
            raise PlanChangedError("There is no plan in this run.")
        result, judged = self._judge(watch)
        if judged is None:
            return AppliedRun(ending=result.ending, failure=result.failure, state=self._newest)
        if judged.digest != digest:
            raise PlanChangedError
        journal = Journal(judged.summary.steps)
        with StateWatcher(self._workdir.state, known=self._newest) as watcher:

            def deliver() -> None:
                for version in watcher.take():
                    self._newest = version
                    watch.on_state(version)

            result = self._step(
                self._shell.line.apply(),
                output="apply.log",
                ladder=TERRAFORM_LADDER,
                watch=_remaining(watch, deadline_at),
                journal=journal,
                on_look=deliver,
            )
            watcher.stop()
            deliver()
        if (left := newest_state(self._workdir.folder, self._newest)) is not None:  # errored.tfstate
            self._newest = left
            watch.on_state(left)
        return AppliedRun(ending=result.ending, failure=result.failure, state=self._newest, journal=journal.entries)

    def _judge(self, watch: Watch) -> tuple[StepResult, _Judged | None]:
        """Read the plan's file, unless this very content was read before."""
        file_digest = hashlib.sha256(self._workdir.plan.read_bytes()).hexdigest()
        result = StepResult(ending=RunEnding.SUCCEEDED)
        if self._judged is None or self._judged.file_digest != file_digest:
            self._judged = None
            output = self._workdir.folder / "show.json"
            quiet = replace(watch, on_event=lambda _event: None)
            try:
                result = self._step(self._shell.line.show(), output=output.name, ladder=PLAN_LADDER, watch=quiet)
                if result.ending is RunEnding.SUCCEEDED:
                    self._judged = self._read(output, file_digest)
            except PlanUnreadableError as error:
                result = StepResult(ending=RunEnding.FAILED, failure=failure_of(error))
            finally:
                output.unlink(missing_ok=True)  # it holds every value in clear text
        return result, self._judged

    def _read(self, output: Path, file_digest: str) -> _Judged:
        if output.stat().st_size > _PLAN_LIMIT_BYTES:
            raise PlanUnreadableError(f"It is larger than {_PLAN_LIMIT_BYTES} bytes of JSON.")
        document = plan_document(output.read_bytes())
        summary = plan_summarize(document, stateful_types=self._spec.stateful_types, redactor=self._redactor)
        return _Judged(file_digest=file_digest, digest=plan_digest(document), summary=summary)

    def _step(
        self,
        argv: tuple[str, ...],
        *,
        output: str,
        ladder: Ladder,
        watch: Watch,
        journal: Journal | None = None,
        on_look: Callable[[], None] = lambda: None,
    ) -> StepResult:
        # A second interrupt makes Terraform leave at once; an apply would lose what is in flight from its state.
        command = self._shell.command(argv, output=output, is_told_once=journal is not None)
        return step_run(command, ladder=ladder, watch=watch, redactor=self._redactor, journal=journal, on_look=on_look)


def _remaining(watch: Watch, deadline_at: float) -> Watch:
    """The same watch with what is left of its time."""
    return replace(watch, deadline_seconds=max(0.0, deadline_at - time.monotonic()))
