"""What a person is told whose machine lacks Terraform."""

import sys
from pathlib import Path

import pytest

from platform_api.embedded.environment import environment_read
from tests.e2e.live import MANAGE, LiveStack

pytestmark = pytest.mark.live

NOWHERE = "/nowhere/terraform"
TOLD = (
    f"Terraform or OpenTofu 1.10 or newer was not found. Looked at: TERRAFORM_BIN={NOWHERE}: not there.",
    "Install Terraform or OpenTofu 1.10 or newer, or set TERRAFORM_BIN to its file.",
)


def test_a_stack_without_terraform_does_not_start_and_says_what_to_install(tmp_path: Path) -> None:
    stack = LiveStack(tmp_path / "s", program=MANAGE)

    answer = stack.cli("up", "--detach", TERRAFORM_BIN=NOWHERE)

    assert answer.returncode == 1
    assert all(text in answer.stderr for text in TOLD)
    assert "Traceback" not in answer.stdout + answer.stderr
    assert stack.processes == []


def test_a_worker_without_terraform_ends_and_says_what_to_install(live_stack: LiveStack) -> None:
    settings = {
        "DJANGO_SETTINGS_MODULE": "platform_api.settings.development",
        "TERRAFORM_BIN": NOWHERE,
        **environment_read(live_stack.folder),
    }

    answer = live_stack.run(sys.executable, "-m", "celery", "-A", "platform_api.celery", "worker", **settings)

    assert answer.returncode == 1
    assert all(text in answer.stderr for text in TOLD)
    assert "Traceback" not in answer.stderr
