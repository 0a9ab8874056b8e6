"""A worker as its container's first program: what is still alive when it has ended."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_api.embedded.folder import CHECKOUT
from platform_api.process.identity import ProcessIdentity
from tests.waiting import wait_until

PROGRAM = "tests.integration.embedded.containers.program"


@pytest.fixture
def container(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[bytes]"]:
    """The first program of a container; stands in for its kernel by killing it in the end."""
    argv = (sys.executable, "-m", PROGRAM, str(tmp_path), request.param)
    with subprocess.Popen(argv, cwd=CHECKOUT) as process:
        yield process
        process.kill()


def identities(folder: Path) -> list[ProcessIdentity]:
    wait_until((folder / "ready").exists)
    found = [ProcessIdentity.of(int((folder / name).read_text())) for name in ("pool", "terraform")]
    return [identity for identity in found if identity is not None]


@pytest.mark.parametrize(
    ("container", "status"),
    [("polite", 7), ("deaf", 128 + 3)],
    indirect=["container"],
)
def test_it_ends_the_worker_and_goes_on_until_terraform_has_saved(
    container: "subprocess.Popen[bytes]", status: int, tmp_path: Path
) -> None:
    below = identities(tmp_path)
    assert len(below) == 2

    container.terminate()

    assert container.wait(timeout=30) == status
    assert (tmp_path / "saved").exists()
    assert not any(identity.is_alive() for identity in below)


@pytest.mark.parametrize("container", ["short"], indirect=True)
def test_a_worker_that_ends_by_itself_ends_the_container_with_its_status(
    container: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    assert container.wait(timeout=30) == 3
    assert (tmp_path / "saved").exists()
