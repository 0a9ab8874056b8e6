"""Signals and deaths in the middle of an apply: what is in flight is finished, nothing is left running."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from platform_api.terraform.zygote import ProviderNotStartedError, Zygote
from tests.integration.fleet import APPLY, Fleet, Workspace, is_alive, wait_until

MakeWorkspace = Callable[..., Workspace]


@pytest.fixture(params=["launched", "reattached"])
def either(request: pytest.FixtureRequest, workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet) -> Workspace:
    made = workspace_make()
    if request.param == "reattached":
        made.handle = zygote.provider_start(made.folder, fleet.credentials)
    return made


def test_after_one_interrupt_the_creation_in_flight_is_finished_and_in_state(either: Workspace, fleet: Fleet) -> None:
    with fleet.held("database", either.name):
        process = either.start(*APPLY)
        wait_until(fleet.waiting_providers, what="the database is being made")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to Terraform and what it started
        wait_until(lambda: "Interrupt received" in (either.folder / "output").read_text(), what="Terraform stops")
    assert process.wait(60) == 1

    assert either.in_state() == {"role", "database"}
    either.apply()
    assert either.plan() == {}


def test_after_terraform_was_killed_the_next_apply_adopts(either: Workspace, fleet: Fleet) -> None:
    with fleet.held("database", either.name):
        process = either.start(*APPLY)
        wait_until(fleet.waiting_providers, what="the database is being made")
        wait_until(lambda: either.in_state() == {"role"}, what="the state with the role is written")
        process.kill()
        process.wait()
    wait_until(lambda: not either.launched_providers(), what="a launched provider leaves without Terraform")
    assert either.in_state() == {"role"}

    either.apply()

    assert either.plan() == {}


def test_a_launched_provider_leaves_with_its_command(workspace_make: MakeWorkspace, fleet: Fleet) -> None:
    workspace = workspace_make()
    with fleet.held("role", workspace.name):
        process = workspace.start(*APPLY)
        wait_until(fleet.waiting_providers, what="the apply is under way")
        assert workspace.launched_providers(), "the search itself must work"
    assert process.wait(60) == 0
    wait_until(lambda: not workspace.launched_providers(), what="the provider is gone")
    assert list(workspace.folder.glob("fleet-*")) == []


def test_a_killed_provider_is_an_error_that_the_next_apply_repairs(
    workspace: Workspace, zygote: Zygote, fleet: Fleet
) -> None:
    assert workspace.handle is not None
    with fleet.held("role", workspace.name):
        process = workspace.start(*APPLY)
        wait_until(fleet.waiting_providers, what="the role is being made")
        os.kill(workspace.handle.pid, signal.SIGKILL)
        assert process.wait(60) == 1
    assert workspace.handle.end()

    workspace.handle = zygote.provider_start(workspace.folder, fleet.credentials)
    workspace.apply()

    assert workspace.plan() == {}


def test_a_killed_zygote_harms_no_provider_and_is_replaced(workspace_make: MakeWorkspace, fleet: Fleet) -> None:
    own = Zygote()
    try:
        first, second = workspace_make(), workspace_make()
        first.handle = own.provider_start(first.folder, fleet.credentials)
        killed = own.pid
        assert killed is not None
        with fleet.held("database", first.name):
            process = first.start(*APPLY)
            wait_until(fleet.waiting_providers, what="the database is being made")
            os.kill(killed, signal.SIGKILL)
            second.handle = own.provider_start(second.folder, fleet.credentials)
            second.apply()
        assert process.wait(60) == 0
        assert own.pid not in {None, killed}
        assert first.plan() == {}
    finally:
        own.stop()


def test_when_the_worker_is_killed_terraform_finishes_and_all_processes_leave(
    workspace_make: MakeWorkspace, fleet: Fleet
) -> None:
    workspace = workspace_make()
    (workspace.folder / "inputs.tfvars.json").write_text(json.dumps(workspace.values))
    request = {
        "folder": str(workspace.folder),
        "credentials": fleet.credentials,
        "environment": workspace.environment(),
    }
    with fleet.held("database", workspace.name):
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.fleet_provider.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert worker.stdin
        assert worker.stdout
        with worker.stdin as stdin, worker.stdout as stdout:
            stdin.write(json.dumps(request).encode())
            stdin.close()
            pids = json.loads(stdout.readline())
        wait_until(fleet.waiting_providers, what="the database is being made")
        worker.kill()
        worker.wait()
        wait_until(lambda: not is_alive(pids["zygote"]), what="the zygote leaves with its worker")
        assert is_alive(pids["provider"]), "Terraform still needs it"
    for name in ("terraform", "provider"):
        wait_until(lambda name=name: not is_alive(pids[name]), what=f"{name} is done")  # type: ignore[misc]  # a bound default

    assert workspace.in_state() == {"role", "database", "grant"}
    assert "Apply complete!" in (workspace.folder / "output").read_text()
    assert not (workspace.folder / "provider.sock").exists()


def test_a_provider_is_gone_when_its_handle_has_ended(workspace: Workspace) -> None:
    assert workspace.handle is not None
    assert is_alive(workspace.handle.pid)
    assert workspace.handle.end()
    wait_until(lambda: not is_alive(workspace.handle.pid), what="the provider is gone")  # type: ignore[union-attr]  # asserted above
    assert workspace.handle.end(), "ending twice is harmless"


def test_a_stopped_zygote_is_gone_and_its_provider_is_not(workspace_make: MakeWorkspace, fleet: Fleet) -> None:
    own = Zygote()
    workspace = workspace_make()
    workspace.handle = own.provider_start(workspace.folder, fleet.credentials)
    pid = own.pid
    assert pid is not None

    process, control = own._process, own._control
    assert process
    assert control
    copy = os.dup(control.fileno())  # as a child that the worker forked would hold one
    try:
        own.stop()
        own.stop()
    finally:
        os.close(copy)

    assert process.returncode == 0, "it left by itself and was not killed"
    assert not is_alive(pid)
    workspace.apply()


def test_a_provider_that_cannot_listen_is_an_error_with_its_place_in_the_log(
    workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet
) -> None:
    workspace = workspace_make()
    (workspace.folder / "provider.sock").mkdir()

    with pytest.raises(ProviderNotStartedError, match=r"see provider\.log"):
        zygote.provider_start(workspace.folder, fleet.credentials)

    assert "add_insecure_port" in (workspace.folder / "provider.log").read_text()


def test_a_run_folder_that_is_missing_is_an_error_and_the_zygote_lives_on(
    workspace: Workspace, zygote: Zygote, fleet: Fleet
) -> None:
    before = zygote.pid
    with pytest.raises(FileNotFoundError):
        zygote.provider_start(workspace.folder / "missing", fleet.credentials)

    with zygote.provider_start(workspace.folder, fleet.credentials):
        assert zygote.pid == before
