"""What workers left on a host of runs that have ended is cleared away; what a live run needs stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from platform_api.core.ids import Prefix, show
from platform_api.process.ladders import Step
from platform_api.process.programs import terraform_find
from platform_api.terraform.local import LocalTerraform
from platform_api.terraform.toolchain import toolchain_make
from platform_api.terraform.zygote import Zygote
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.folders import folders_clear
from tests.factories import Orders, worker_make

pytestmark = pytest.mark.django_db


def test_folders_of_runs_that_have_ended_go_with_whatever_works_in_them(orders: Orders, tmp_path: Path) -> None:
    ended, live = orders.provision(), orders.provision()
    run_carry_out(worker_make(), hint=ended.pk)
    base = tmp_path / "runs"
    client = LocalTerraform(
        base=base,
        toolchain=toolchain_make(tmp_path / "toolchain", terraform_find()),
        zygote=Zygote(),
        leftover_ladder=(Step(signal=2, seconds=10),),  # type: ignore[arg-type]  # SIGINT
    )
    assert folders_clear(client) == 0  # there is no folder at all
    kept = [base / show(Prefix.RUN, live.pk), base / "something-else"]
    gone = base / show(Prefix.RUN, ended.pk)
    for folder in (*kept, gone):
        folder.mkdir(parents=True)
        (folder / "terraform.tfstate").write_text("secret")
    with subprocess.Popen([sys.executable, "-c", "input()"], cwd=gone, stdin=subprocess.PIPE) as left:
        assert folders_clear(client) == 1
        assert left.wait(timeout=10) != 0
    assert sorted(base.iterdir()) == sorted(kept)
    assert all((folder / "terraform.tfstate").exists() for folder in kept)
