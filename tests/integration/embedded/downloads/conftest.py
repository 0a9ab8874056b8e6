from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_api.embedded.folder import StateFolder
from tests.integration.embedded.downloads.mirror import Mirror, mirror_running


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with mirror_running() as mirror:
        yield mirror


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


@pytest.fixture
def environ(tmp_path: Path, mirror: Mirror) -> dict[str, str]:
    """A machine without Terraform whose owner agreed to a download."""
    return {
        "PATH": str(tmp_path / "empty"),
        "SLIPWAY_DOWNLOAD_TERRAFORM": "1",
        "SLIPWAY_TERRAFORM_MIRROR": mirror.url,
    }
