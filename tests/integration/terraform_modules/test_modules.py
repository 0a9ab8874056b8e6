"""Each module is formatted, valid and passes its own tests, with a launched provider."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet_provider.address import CREDENTIALS_FILE_VARIABLE

MODULES = sorted(path.parent for path in (Path(__file__).parents[3] / "terraform_modules").glob("*/versions.tf"))


@pytest.fixture(params=MODULES, ids=lambda path: path.name)
def module(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy, for ``init`` writes into the folder."""
    return Path(shutil.copytree(request.param, tmp_path / request.param.name))


def terraform(folder: Path, *arguments: str, configuration: Path, credentials: Path) -> None:
    done = subprocess.run(
        ["terraform", *arguments],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "TF_CLI_CONFIG_FILE": str(configuration),
            CREDENTIALS_FILE_VARIABLE: str(credentials),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_there_are_modules_to_test() -> None:
    assert MODULES


def test_the_module_is_formatted_valid_and_passes_its_own_tests(
    module: Path, cli_configuration: Path, credentials_file: Path
) -> None:
    run = {"configuration": cli_configuration, "credentials": credentials_file}
    terraform(module, "fmt", "-check", "-diff", "-recursive", **run)
    terraform(module, "init", "-no-color", "-input=false", **run)
    terraform(module, "validate", "-no-color", **run)
    terraform(module, "test", "-no-color", **run)


def test_each_example_of_the_module_is_valid(module: Path, cli_configuration: Path, credentials_file: Path) -> None:
    run = {"configuration": cli_configuration, "credentials": credentials_file}
    examples = sorted((module / "examples").iterdir())
    assert examples
    for example in examples:
        terraform(example, "init", "-no-color", "-input=false", **run)
        terraform(example, "validate", "-no-color", **run)
