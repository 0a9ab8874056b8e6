import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_provider.address import SOURCE, VERSION
from fleet_provider.mirror import cli_configuration_write, main, mirror_build


def test_the_launcher_lies_where_terraform_looks_and_can_be_run(tmp_path: Path) -> None:
    launcher = mirror_build(tmp_path / "with a space")

    assert launcher.relative_to(tmp_path / "with a space").parts[:4] == (*SOURCE.split("/"), VERSION)
    assert launcher.name == f"terraform-provider-fleet_v{VERSION}"
    done = subprocess.run([launcher], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Terraform starts it" in done.stderr


def test_the_launcher_ignores_what_the_environment_would_import(tmp_path: Path) -> None:
    (tmp_path / "fleet_provider.py").write_text("raise SystemExit('imported from the environment')")
    launcher = mirror_build(tmp_path / "mirror")

    done = subprocess.run(
        [launcher],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "imported from the environment" not in done.stderr
    assert "Terraform starts it" in done.stderr


def test_providers_come_from_the_mirror_only(tmp_path: Path) -> None:
    text = cli_configuration_write(tmp_path / "terraform.rc", mirror=tmp_path / "mirror").read_text()

    assert f'path    = "{tmp_path / "mirror"}"' in text
    assert f'include = ["{SOURCE}"]' in text
    assert 'exclude = ["*/*/*"]' in text
    assert "disable_checkpoint = true" in text


def test_the_command_makes_both_and_says_what_to_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0

    assert capsys.readouterr().out == f"export TF_CLI_CONFIG_FILE={tmp_path / 'terraform.rc'}\n"
    assert (tmp_path / "terraform.rc").exists()
    assert main([]) == 2


def test_the_worker_imports_neither_grpc_nor_psycopg_with_what_it_needs_of_the_provider() -> None:
    code = (
        "import sys, fleet_provider.mirror, platform_api.terraform.zygote;"
        "sys.exit(str(sorted({'grpc', 'psycopg', 'django', 'tf'} & set(sys.modules)) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
