"""What a demo does where there is nothing that it could show: it says why, and leaves things as they were."""

from pathlib import Path

from platform_api.embedded.lock import demo_lock
from tests.stacks import Stack


def test_without_terraform_nothing_is_started_and_the_message_says_what_to_install(
    stack: Stack, tmp_path: Path
) -> None:
    answer = stack.cli("demo", PATH=str(tmp_path))
    assert answer.returncode == 1
    assert "Terraform or OpenTofu 1.10 or newer was not found" in answer.stderr
    assert f"terraform on PATH ({tmp_path}): not there" in answer.stderr
    assert f"tofu on PATH ({tmp_path}): not there" in answer.stderr
    assert "Install Terraform or OpenTofu 1.10 or newer, or set TERRAFORM_BIN to its file." in answer.stderr
    assert not stack.folder.path.exists()


def test_a_demo_that_fails_takes_down_what_it_started_and_says_why(stack: Stack) -> None:
    answer = stack.cli("demo")  # the small parts of these tests make no tables, so no user can be made
    assert answer.returncode == 1
    assert "FAILED after" in answer.stdout
    assert "manage.py bootstrap failed" in answer.stderr
    assert stack.processes == []
    assert stack.cli("status").returncode == 3


def test_a_demo_that_fails_leaves_a_stack_that_ran_before(stack: Stack) -> None:
    stack.up()
    supervisor = stack.supervisor
    answer = stack.cli("demo")
    assert answer.returncode == 1
    assert f"The stack runs already, at {stack.state.api_url}" in answer.stdout
    assert supervisor.is_alive()
    assert stack.cli("status").returncode == 0


def test_a_stack_without_an_api_is_not_played_on(stack: Stack) -> None:
    stack.up("--only", "servers")
    answer = stack.cli("demo")
    assert answer.returncode == 1
    assert "has no API that could be played on" in answer.stderr
    assert stack.supervisor.is_alive()


def test_a_stack_that_does_not_start_is_told_with_its_reason(stack: Stack) -> None:
    answer = stack.cli("demo", SLIPWAY_TEST_FAIL="the reason")
    assert answer.returncode == 1
    assert "prepare failed" in answer.stdout
    assert "the reason" in answer.stdout
    assert "The stack did not start" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert stack.processes == []


def test_a_second_demo_on_the_same_stack_is_refused(stack: Stack) -> None:
    stack.folder.make()
    with demo_lock(stack.folder):
        answer = stack.cli("demo")
    assert answer.returncode == 1
    assert f"Another demo plays on the stack in {stack.folder.path}." in answer.stderr
    assert not stack.folder.state.exists()


def test_a_service_whose_valkey_nobody_named_is_not_played_on(stack: Stack) -> None:
    answer = stack.cli("demo", "--url", "http://127.0.0.1:1", DATABASE_URL="postgresql://nowhere")
    assert answer.returncode == 1
    assert "FLEET_VALKEY_URL is not set" in answer.stderr
    assert "Set FLEET_VALKEY_URL or FLEET_VALKEY_URL_FILE" in answer.stderr
    assert "Make a user" not in answer.stdout
