"""Where secrets are not: the customer's password nowhere, the admin's not within Terraform's reach."""

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import APPLY, Fleet, Workspace, wait_until


def holding(folder: Path, secret: str) -> list[Path]:
    """Files below the folder that hold the text."""
    regular = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in regular if secret.encode() in path.read_bytes()]


def test_no_password_is_in_the_runs_folder_whatever_terraform_writes(workspace: Workspace, fleet: Fleet) -> None:
    workspace.plan()
    (workspace.folder / "plan.json").write_text(workspace.run("show", "-json", "plan.bin"))
    workspace.run("apply", "-no-color", "plan.bin")
    with zipfile.ZipFile(workspace.folder / "plan.bin") as plan:
        plan.extractall(workspace.folder / "unpacked")

    assert workspace.in_state()
    found = {path.name for path in holding(workspace.folder, workspace.values["verifier"])}
    assert {"terraform.tfstate", "tfplan", "plan.json"} <= found, "the search itself must work"
    assert holding(workspace.folder, workspace.password) == []
    assert holding(workspace.folder, fleet.admin_password) == []


def test_terraform_never_holds_the_admins_password(workspace: Workspace, zygote: Zygote, fleet: Fleet) -> None:
    secret = fleet.admin_password.encode()
    assert workspace.handle is not None
    assert zygote.pid is not None
    with fleet.held("role", workspace.name):
        process = workspace.start(*APPLY)
        wait_until(fleet.waiting_providers, what="the apply is under way")
        for pid in (process.pid, workspace.handle.pid, zygote.pid):
            for kind in ("environ", "cmdline"):
                content = Path(f"/proc/{pid}/{kind}").read_bytes()
                assert secret not in content, (pid, kind)
                assert content or kind == "environ"
        assert b"TF_REATTACH_PROVIDERS" in Path(f"/proc/{process.pid}/environ").read_bytes()
    assert process.wait(60) == 0
    assert holding(workspace.folder, fleet.admin_password) == []


def test_socket_and_log_are_for_the_owner_only(workspace: Workspace) -> None:
    assert workspace.handle is not None
    for path in (workspace.handle.socket_path, workspace.folder / "provider.log"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_long_run_folder_gets_a_short_private_socket_that_is_cleared_away(
    workspace_make: Callable[..., Workspace], zygote: Zygote, fleet: Fleet
) -> None:
    workspace = workspace_make()
    long = workspace.folder / ("x" * 120)
    long.mkdir(0o700)
    workspace.handle = zygote.provider_start(long, fleet.credentials)
    path = workspace.handle.socket_path

    assert len(os.fsencode(path)) < 100
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    workspace.apply()
    assert workspace.handle.end()
    assert not path.parent.exists()
