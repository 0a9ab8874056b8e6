"""The helper as a process: what it starts with, what it loads, who reaches it, how it ends."""

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from governance.models import PolicyOutcome
from governance.services import policy_client
from tests.integration.governance.judging import MANIFEST, decide, policies_write, until_judged
from tests.policies import ROOT, PolicyHelper, wait_until


def run(path: Path, policies: Path = ROOT / "policies") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "governance.engine", "--socket", path, "--policies", policies],
        cwd=ROOT, env={}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_nothing_of_the_environment_is_visible_to_a_rule(tmp_path: Path, settings: Settings) -> None:
    helper = PolicyHelper(tmp_path, policies_write(tmp_path)).start(DATABASE_URL="postgresql://s3cret", HOME="/root")
    settings.POLICY_SOCKET = helper.socket
    try:
        (seen,) = decide().verdict.warnings
    finally:
        helper.stop()
    assert "regocpp_version" in seen["detail"]  # it is opa.runtime() that was looked at
    assert "s3cret" not in seen["detail"]
    assert "HOME" not in seen["detail"]


def test_the_socket_is_private(policy_helper: PolicyHelper) -> None:
    assert stat.S_IMODE(policy_helper.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(policy_helper.socket.parent.stat().st_mode) == 0o700


def test_it_ends_when_asked_to_and_leaves_nothing(helper: PolicyHelper) -> None:
    (evaluator,) = helper.evaluators()
    assert helper.stop() == 0
    assert not helper.socket.exists()
    assert not Path(f"/proc/{evaluator}").exists()


def test_a_changed_set_is_loaded_when_told_to_and_connections_stay(helper: PolicyHelper) -> None:
    before = until_judged().verdict.policy_set
    line = policy_client._lines.line
    policies_write(helper.policies.parent, manifest=MANIFEST.replace("version: 3", "version: 4"))
    assert until_judged().verdict.policy_set == before
    helper.reload()
    wait_until(lambda: decide().verdict.policy_set.version == 4, "the new set")
    assert decide().verdict.policy_set.digest != before.digest
    assert policy_client._lines.line is line


def test_a_set_that_cannot_be_used_leaves_the_old_one_in_force(helper: PolicyHelper) -> None:
    policies_write(helper.policies.parent, manifest="id: broken")
    helper.reload()
    wait_until(lambda: "the policy set stays as it was" in helper.log.read_text(), "the refusal")
    assert decide().verdict.policy_set.name == "tests@3"


BROKEN: list[tuple[Callable[[Path], object], str]] = [
    (lambda policies: (policies / "policy-set.yaml").unlink(), "cannot be read"),
    (lambda policies: (policies / "rules.rego").write_text("package p\nx if {"), "do not compile"),
    (lambda policies: (policies / "rules.rego").write_text('package p\nx := "\\n"'), "between backticks"),
]


@pytest.mark.parametrize(("harm", "said"), BROKEN, ids=["no manifest", "no Rego", "an escape"])
def test_it_does_not_start_with_a_set_that_cannot_be_used(
    tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    policies = policies_write(tmp_path)
    harm(policies)
    ended = run(tmp_path / "policy.sock", policies)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not (tmp_path / "policy.sock").exists()


def test_it_does_not_start_where_others_could_reach_it(policy_helper: PolicyHelper, tmp_path: Path) -> None:
    ended = run(policy_helper.socket)
    assert ended.returncode == 1
    assert "Another helper listens" in ended.stderr
    assert decide().outcome == PolicyOutcome.ALLOW
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o755)
    ended = run(open_folder / "policy.sock")
    assert ended.returncode == 1
    assert "chmod 700" in ended.stderr
    ended = run(tmp_path / ("x" * 100))
    assert ended.returncode == 1
    assert "too long" in ended.stderr
