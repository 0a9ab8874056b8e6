"""Stops, deadlines, silence and deaths: how they are told, and what is known afterwards."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from platform_api.process.identity import ProcessIdentity, descendants
from platform_api.process.ladders import Step
from platform_api.terraform.client import AppliedRun, PlanMode, PreparedRun, RunEnding
from platform_api.terraform.errors import FailureKind
from platform_api.terraform.events import Event, EventKind
from platform_api.terraform.journal import StepStatus
from platform_api.terraform.local import LocalTerraform
from platform_api.terraform.spec import ProviderWay, RunSpec, Template
from platform_api.terraform.state import StateVersion
from platform_api.terraform.toolchain import Toolchain
from platform_api.terraform.workdir import WorkdirBusyError
from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import Fleet, wait_until
from tests.integration.terraform.conftest import Heard, Order

MakeTemplate = Callable[[str], Template]

HOLDS = """
import fcntl
file = open("{}", "r+b")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""


@dataclass(frozen=True)
class Attempt:
    """An earlier attempt of a run: the worker, and the processes that work in the run's folder."""

    worker: subprocess.Popen[bytes]
    children: list[ProcessIdentity]


# Each object is its predecessor's successor, so they are made one after the other.
CHAIN = """
resource "terraform_data" "a" { input = "a" }
resource "terraform_data" "b" { input = terraform_data.a.id }
resource "terraform_data" "c" {
  input = terraform_data.b.id
  provisioner "local-exec" { command = "exec sleep 60" }
}
resource "terraform_data" "d" { input = terraform_data.c.id }
output "b" { value = terraform_data.b.id }
"""


class DumbServer:
    """Takes connections and never says a word, as a server behind a broken network does."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0)
        self._visitors: list[socket.socket] = []

    @property
    def credentials(self) -> dict[str, object]:
        port = self._listening.getsockname()[1]
        return {"postgres": {"url": f"postgresql://admin:password@127.0.0.1:{port}/postgres"}}

    def is_visited(self) -> bool:
        with contextlib.suppress(OSError):
            self._visitors.append(self._listening.accept()[0])
        return bool(self._visitors)

    def close(self) -> None:
        for each in (self._listening, *self._visitors):
            each.close()


@pytest.fixture
def dumb_server() -> Iterator[DumbServer]:
    server = DumbServer()
    yield server
    server.close()


@pytest.fixture
def chain(module_template: MakeTemplate) -> RunSpec:
    return RunSpec(run_id="run_1", template=module_template(CHAIN), variables={})


@contextlib.contextmanager
def planned_run(client: LocalTerraform, spec: RunSpec, heard: Heard) -> Iterator[tuple[PreparedRun, str]]:
    with client.prepare(spec) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        assert planned.ending is RunEnding.SUCCEEDED, planned.failure
        heard.events.clear()
        yield run, planned.digest


def is_begun(heard: Heard, address: str) -> bool:
    return any(event.kind is EventKind.APPLY_START and event.address == address for event in heard.events)


def statuses(applied: AppliedRun) -> dict[str, StepStatus]:
    return {entry.address: entry.status for entry in applied.journal}


def terraform_of(folder: Path) -> ProcessIdentity:
    """The Terraform that works in a run's folder, as a child of this process."""
    for identity in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            is_there = Path(f"/proc/{identity.pid}/cwd").readlink() == folder
            if is_there and b"terraform" in Path(f"/proc/{identity.pid}/cmdline").read_bytes().split(b"\0")[0]:
                return identity
    pytest.fail(f"no Terraform works in {folder}")


def test_a_stop_in_the_middle_of_an_apply_keeps_what_is_done(
    client: LocalTerraform, chain: RunSpec, heard: Heard, folder: Path
) -> None:
    with planned_run(client, chain, heard) as (run, digest):
        watch = heard.watch(should_stop=lambda: is_begun(heard, "terraform_data.c"))
        applied = run.apply(digest=digest, watch=watch)

    assert applied.ending is RunEnding.STOPPED
    assert applied.failure is None
    assert applied.state
    assert {"terraform_data.a", "terraform_data.b"} <= set(applied.state.addresses)
    assert "terraform_data.d" not in statuses(applied)
    assert not folder.exists()


@pytest.mark.parametrize("ending", [RunEnding.STOPPED, RunEnding.TIMED_OUT, RunEnding.SILENT])
def test_a_plan_that_hangs_is_ended_without_a_plan(
    ending: RunEnding,
    client: LocalTerraform,
    database_spec: Callable[..., RunSpec],
    heard: Heard,
    dumb_server: DumbServer,
) -> None:
    with planned_run(client, database_spec(), heard) as (run, digest):
        state = run.apply(digest=digest, watch=heard.watch()).state
    assert state
    watch = {
        RunEnding.STOPPED: heard.watch(should_stop=dumb_server.is_visited),
        RunEnding.TIMED_OUT: heard.watch(deadline_seconds=3.0),
        RunEnding.SILENT: heard.watch(silence_seconds=2.0),
    }[ending]

    with client.prepare(database_spec(prior_state=state.content, credentials=dumb_server.credentials)) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=watch)
        assert dumb_server.is_visited(), "the plan was in the middle of its refresh"
        dumb_server.close()  # else the provider would wait for its answer

    assert planned.ending is ending
    assert (planned.failure, planned.summary, planned.plan) == (None, None, b"")


@pytest.mark.parametrize(
    ("limits", "ending"),
    [
        ((3.0, None), RunEnding.TIMED_OUT),
        ((60.0, 2.0), RunEnding.SILENT),
    ],
)
def test_an_apply_that_takes_too_long_or_falls_silent_is_ended_and_its_state_is_known(
    limits: tuple[float, float | None], ending: RunEnding, client: LocalTerraform, chain: RunSpec, heard: Heard
) -> None:
    with planned_run(client, chain, heard) as (run, digest):
        watch = heard.watch(deadline_seconds=limits[0], silence_seconds=limits[1])
        applied = run.apply(digest=digest, watch=watch)
    assert applied.ending is ending
    assert applied.failure is None
    assert applied.state
    assert {"terraform_data.a", "terraform_data.b"} <= set(applied.state.addresses)


def test_a_deadline_holds_for_a_plan_too(client: LocalTerraform, chain: RunSpec, heard: Heard) -> None:
    with client.prepare(chain) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch(deadline_seconds=0.001))
    assert planned.ending is RunEnding.TIMED_OUT
    assert planned.plan == b""


def test_when_terraform_is_killed_every_finished_object_is_in_the_state_that_was_delivered(
    client: LocalTerraform, chain: RunSpec, heard: Heard, folder: Path
) -> None:
    def kill() -> bool:
        # The object that comes next may begin before the state with the one before it is written.
        is_written = any("terraform_data.b" in state.addresses for state in heard.states)
        if is_written and is_begun(heard, "terraform_data.c"):
            terraform_of(folder).send(signal.SIGKILL)
        return False

    with planned_run(client, chain, heard) as (run, digest):
        applied = run.apply(digest=digest, watch=heard.watch(should_stop=kill))

    assert applied.failure
    assert (applied.failure.code, applied.failure.kind) == ("terraform_killed", FailureKind.RETRYABLE)
    assert applied.state
    assert set(applied.state.addresses) == {"terraform_data.a", "terraform_data.b"}
    assert heard.states[-1] == applied.state
    assert statuses(applied)["terraform_data.c"] is StepStatus.STARTED


@pytest.mark.parametrize("way", list(ProviderWay))
def test_after_a_stop_the_creation_in_flight_is_finished_and_in_state(
    way: ProviderWay, client: LocalTerraform, database_spec: Callable[..., RunSpec], order: Order, fleet: Fleet
) -> None:
    heard = Heard()
    with planned_run(client, database_spec(provider_way=way), heard) as (run, digest), contextlib.ExitStack() as held:

        def on_event(event: Event) -> None:
            if "Interrupt received" in event.line:
                held.close()

        held.enter_context(fleet.held("database", order.name))
        watch = replace(heard.watch(should_stop=lambda: fleet.waiting_providers() > 0), on_event=on_event)
        applied = run.apply(digest=digest, watch=watch)
    assert applied.ending is RunEnding.STOPPED
    assert applied.state
    assert set(applied.state.addresses) == {"fleet_postgres_role.this", "fleet_postgres_database.this"}


def provider_of(folder: Path) -> int:
    """Process id of the provider that writes its log into a run's folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(descriptor.readlink() == folder / "provider.log" for descriptor in (process / "fd").iterdir()):
                return int(process.name)
    pytest.fail(f"no provider serves {folder}")


def test_a_provider_that_is_killed_is_worth_a_retry_which_succeeds(
    client: LocalTerraform, database_spec: Callable[..., RunSpec], order: Order, fleet: Fleet, folder: Path
) -> None:
    heard = Heard()
    killed: list[int] = []

    def kill() -> bool:
        if fleet.waiting_providers() and not killed:
            killed.append(provider_of(folder))
            os.kill(killed[0], signal.SIGKILL)
        return False

    with planned_run(client, database_spec(), heard) as (run, digest), fleet.held("database", order.name):
        applied = run.apply(digest=digest, watch=heard.watch(should_stop=kill))
    assert applied.failure
    assert (applied.failure.code, applied.failure.kind) == ("provider_crashed", FailureKind.RETRYABLE)
    assert applied.state

    with planned_run(client, database_spec(prior_state=applied.state.content), heard) as (run, digest):
        again = run.apply(digest=digest, watch=heard.watch())
    assert again.ending is RunEnding.SUCCEEDED
    assert again.state
    assert len(again.state.addresses) == 3


class WriteRefusedError(Exception):
    """What a worker's store raises when another worker has taken over."""


def test_an_exception_from_a_callback_stops_terraform_and_leaves_the_state_for_the_next_attempt(
    client: LocalTerraform, chain: RunSpec, heard: Heard, folder: Path
) -> None:
    def refuse(state: StateVersion) -> None:
        raise WriteRefusedError

    with pytest.raises(WriteRefusedError), planned_run(client, chain, heard) as (run, digest):
        run.apply(digest=digest, watch=replace(heard.watch(), on_state=refuse))

    left = {path.name for path in folder.iterdir()}
    assert "terraform.tfstate" in left
    assert left <= {"terraform.tfstate", "terraform.tfstate.backup", "errored.tfstate"}, "nothing else is left"
    with client.prepare(chain) as run:
        assert run.recovered
        assert run.recovered.addresses
        planned = run.plan(mode=PlanMode.DESTROY, watch=heard.watch())
        assert run.apply(digest=planned.digest, watch=heard.watch()).ending is RunEnding.SUCCEEDED
    assert not folder.exists()


@pytest.fixture
def attempt(chain: RunSpec, toolchain: Toolchain, folder: Path) -> Iterator[Attempt]:
    """A worker of its own, whose Terraform is in the middle of an apply."""
    request = {
        "base": str(folder.parent),
        "program": str(toolchain.program.path),
        "configuration": str(toolchain.configuration),
        "template": str(chain.template.folder),
        "digest": chain.template.digest,
        "address": "terraform_data.c",
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.terraform.worker", json.dumps(request)], stdout=subprocess.PIPE
    )
    with worker, worker.stdout or contextlib.nullcontext() as said:
        assert said
        assert said.readline() == b"begun\n"
        below = descendants(worker.pid)
        yield Attempt(
            worker=worker, children=[each for each in below if Path(f"/proc/{each.pid}/cwd").readlink() == folder]
        )
        worker.kill()


def found_by_the_next(client: LocalTerraform, chain: RunSpec) -> None:
    with client.prepare(chain) as run:
        assert run.recovered
        assert {"terraform_data.a", "terraform_data.b"} <= set(run.recovered.addresses)
        assert "terraform_data.d" not in run.recovered.addresses


def test_when_the_worker_is_killed_the_next_attempt_finds_what_terraform_had_done(
    client: LocalTerraform, chain: RunSpec, attempt: Attempt
) -> None:
    assert len(attempt.children) > 1  # Terraform, and who tells it of the death
    attempt.worker.kill()
    wait_until(lambda: not any(each.is_alive() for each in attempt.children), what="Terraform stops with its worker")
    found_by_the_next(client, chain)


def test_when_all_of_it_is_frozen_the_next_attempt_ends_it_first(
    client: LocalTerraform, chain: RunSpec, attempt: Attempt
) -> None:
    attempt.worker.send_signal(signal.SIGSTOP)
    for each in attempt.children:
        each.send(signal.SIGSTOP)
    found_by_the_next(client, chain)
    assert not any(each.is_alive() for each in attempt.children)
    assert attempt.worker.poll() is None


def test_when_only_the_worker_is_frozen_its_terraform_has_time_to_end_and_then_none(
    toolchain: Toolchain, zygote: Zygote, chain: RunSpec, attempt: Attempt, folder: Path
) -> None:
    hasty = (Step(signal=signal.SIGCONT, seconds=0.3), Step(signal=signal.SIGINT, seconds=20))
    client = LocalTerraform(
        base=folder.parent, toolchain=toolchain, zygote=zygote, minimum_free_bytes=0, leftover_ladder=hasty
    )
    attempt.worker.send_signal(signal.SIGSTOP)
    found_by_the_next(client, chain)
    assert not any(each.is_alive() for each in attempt.children)


def test_a_folder_whose_state_somebody_else_holds_is_left_alone(
    client: LocalTerraform, chain: RunSpec, folder: Path
) -> None:
    folder.mkdir(parents=True)
    state = folder / "terraform.tfstate"
    state.write_bytes(b"{}")
    held = [sys.executable, "-c", HOLDS.format(state)]
    with subprocess.Popen(held, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # it works elsewhere
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(WorkdirBusyError) as refused, client.prepare(chain):
            pass
        assert holder.poll() is None
        holder.kill()
    assert refused.value.remedy
    assert state.read_bytes() == b"{}"
