import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from governance.engine import canonical, wire
from governance.engine.policy_set import Stage
from governance.models import PolicyOutcome
from governance.services import policy_client
from governance.services.policies import Decision, PolicyDeniedError, policy_decide, policy_require
from governance.services.policy_input import EnvironmentInput, PlanInput
from tests.policies import ROOT, PolicyHelper, ask, wait_until

RULES = """
package provision.request.tests

import rego.v1

deny contains {"code": "slow", "msg": "It was slow.", "path": ["name"], "remedy": "-"} if {
    input.name == "endless"
    regex.match(`^(a+)+$`, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")
}

deny contains {"code": "odd", "msg": 7, "path": ["name"], "remedy": "-"} if input.name == "odd"

deny contains {"code": "failed", "msg": "It failed.", "path": [], "remedy": "-"} if {
    input.name == "failing"
    to_number(input.reason) > 1
}

deny contains {"code": "echo", "msg": input.reason, "path": ["parameters", "a/b", 0], "remedy": input.name} if {
    input.operation == "echo"
}

warn contains {"code": "seen", "msg": sprintf("%v", [opa.runtime()]), "path": [], "remedy": "-"}
"""
MANIFEST = """
id: tests
version: 3
policies:
  - {id: first, title: A, stage: request, enforcement_level: soft-mandatory, query: data.provision.request.tests.deny}
  - {id: second, title: B, stage: request, enforcement_level: advisory, query: data.provision.request.tests.warn}
"""


def write(folder: Path, manifest: str = MANIFEST) -> Path:
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    (policies / "policy-set.yaml").write_text(manifest)
    (policies / "rules.rego").write_text(RULES)
    return policies


@pytest.fixture
def helper(tmp_path: Path, settings: Settings) -> Iterator[PolicyHelper]:
    """A helper of the test's own, which it may harm."""
    helper = PolicyHelper(tmp_path, write(tmp_path)).start()
    settings.POLICY_SOCKET = helper.socket
    yield helper
    if helper.process.poll() is None:
        helper.stop()


def decide(**changes: Any) -> Decision:
    return policy_decide(stage=Stage.REQUEST, value=ask(**changes))


def assert_engine_error(decision: Decision) -> None:
    assert decision.outcome == PolicyOutcome.ERROR
    assert not decision.results
    assert not decision.warnings
    (denial,) = decision.denials
    assert (denial["code"], denial["level"]) == ("policy_engine_error", "hard_mandatory")
    assert denial["detail"]
    assert denial["remedy"]
    with pytest.raises(PolicyDeniedError) as caught:
        policy_require(decision)
    assert caught.value.errors == [denial]


def until_judged(**changes: Any) -> Decision:
    """Ask until the helper judges again; it may be starting another evaluator."""
    decision = decide(**changes)

    def is_judged() -> bool:
        nonlocal decision
        decision = decide(**changes)
        return decision.outcome != PolicyOutcome.ERROR

    wait_until(is_judged, "a judgment")
    return decision


def test_an_ask_that_nothing_objects_to_is_allowed_by_every_policy(policy_helper: PolicyHelper) -> None:
    decision = decide()
    assert decision.outcome == PolicyOutcome.ALLOW
    assert not decision.is_denied
    assert (decision.denials, decision.warnings) == ((), ())
    assert decision.policy_set.name == "default@1"
    assert decision.policy_set.digest.startswith("sha256:")
    assert {result.outcome for result in decision.results} == {PolicyOutcome.ALLOW}
    assert len(decision.results) == 7
    policy_require(decision)


def test_a_denial_has_the_shape_of_a_problem_documents_errors(policy_helper: PolicyHelper) -> None:
    plain = ask()
    decision = decide(plan=PlanInput(slug="large", points=8, monthly_cost=plain.plan.monthly_cost), reason="")
    assert decision.outcome == PolicyOutcome.DENY
    assert decision.denials == (
        {
            "pointer": "#/plan", "code": "policy_denied",
            "policy": "large_plans_in_production", "level": "hard_mandatory",
            "detail": "Plan large is for production environments; staging is not one.",
            "remedy": "Choose a plan of fewer than 8 points.",
        },
    )  # fmt: skip
    assert [(found["code"], found["policy"], found["level"]) for found in decision.warnings] == [
        ("policy_warning", "reason_given", "advisory")
    ]


def test_warnings_alone_do_not_deny(policy_helper: PolicyHelper) -> None:
    decision = decide(reason="")
    assert decision.outcome == PolicyOutcome.WARN
    assert decision.denials == ()
    policy_require(decision)


def test_all_objections_are_told_at_once(policy_helper: PolicyHelper) -> None:
    live = EnvironmentInput(name="live", tier="production", is_ephemeral=True, expires_at=None, offering=None)
    decision = decide(environment=live, ticket=None, reason="")
    assert {found["policy"]: found["level"] for found in decision.denials} == {
        "production_has_a_ticket": "soft_mandatory", "production_does_not_expire": "hard_mandatory",
        "previews_expire": "hard_mandatory", "production_has_a_reason": "hard_mandatory",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ['a "quoted" word', 'back\\slash \\n \\"', "emoji 🚀🇪🇺", "ü é 漢字", "line\nline\ttab\r", "%s ${x} {{y}}", "'`;--"],
)
def test_texts_come_back_exactly_as_they_were_given(helper: PolicyHelper, text: str) -> None:
    (denial,) = decide(operation="echo", reason=text, name=text).denials
    assert (denial["detail"], denial["remedy"]) == (text, text)
    assert denial["pointer"] == "#/parameters/a~1b/0"


def test_an_endless_rule_is_ended_and_the_next_ask_is_judged(helper: PolicyHelper) -> None:
    (before,) = helper.evaluators()
    assert_engine_error(decide(name="endless"))
    wait_until(lambda: helper.evaluators() not in ([], [before]), "another evaluator")
    assert until_judged().outcome == PolicyOutcome.WARN
    assert "ended with -14" in helper.log.read_text()  # SIGALRM


def test_an_evaluator_that_dies_in_the_middle_of_an_ask_denies_and_is_replaced(helper: PolicyHelper) -> None:
    until_judged()
    (pid,) = helper.evaluators()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(decide, name="endless")
        wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().split()[2] == "R", "the evaluation")
        os.kill(pid, signal.SIGSEGV)
        assert_engine_error(asked.result(timeout=20))
    assert until_judged().outcome == PolicyOutcome.WARN
    assert helper.evaluators() != [pid]


def test_a_connection_that_is_held_from_before_survives_a_new_evaluator(helper: PolicyHelper) -> None:
    until_judged()
    (pid,) = helper.evaluators()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: helper.evaluators() not in ([], [pid]), "another evaluator")
    assert decide().outcome == PolicyOutcome.WARN  # at the first try: the dead connection is noticed before it is used


def test_a_helper_that_was_killed_and_started_again_judges_again(helper: PolicyHelper) -> None:
    until_judged()
    (evaluator,) = helper.evaluators()
    helper.kill()
    wait_until(lambda: not Path(f"/proc/{evaluator}").exists(), "the orphan's end")
    assert_engine_error(decide())
    helper.start()  # over the socket that was left behind
    assert until_judged().outcome == PolicyOutcome.WARN


def test_without_a_helper_everything_is_denied(settings: Settings, tmp_path: Path) -> None:
    settings.POLICY_SOCKET = tmp_path / "nobody.sock"
    assert_engine_error(decide())
    settings.POLICY_SOCKET = tmp_path / ("x" * 100)
    assert_engine_error(decide())


def test_a_helper_that_does_not_answer_in_time_denies(settings: Settings, tmp_path: Path) -> None:
    settings.POLICY_SOCKET = tmp_path / "mute.sock"
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(settings.POLICY_SOCKET))
        mute.listen()
        assert_engine_error(decide())


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense", b"[]", b'{"results": [{}]}', b'{"results": 1}',
     b'{"results": [{"id": "x", "level": "odd", "outcome": "allow", "findings": []}]}'],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_denies(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, answer: bytes
) -> None:
    monkeypatch.setattr("governance.services.policies.ask", lambda body, **_: answer)
    assert_engine_error(decide())


@pytest.mark.parametrize("name", ["odd", "failing"])
def test_a_finding_of_another_form_and_a_failing_function_deny(helper: PolicyHelper, name: str) -> None:
    (pid,) = helper.evaluators()
    assert_engine_error(decide(name=name))
    assert until_judged().outcome == PolicyOutcome.WARN
    assert helper.evaluators() == [pid]
    assert "Own store" not in helper.log.read_text()


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"region": "eu-west-1\0us-gov-1"}, "#/parameters/region"),
        ({"a\0b": 1}, "#/parameters"),
        ({"x": ["\x1b[31m"]}, "#/parameters/x/0"),
        ({"x": "\ud800"}, "#/parameters/x"),
        ({"x": deep(40)}, "#/parameters/x" + "/0" * 31),
        ({"x": 2**63}, "#/parameters/x"),
        ({"x": 0.1234567}, "#/parameters/x"),
        ({"x": float("nan")}, "#/parameters/x"),
        ({"x": "a" * canonical.MAX_BYTES}, "#"),
        ({"\u00e9": 1, "e\u0301": 2}, "#/parameters"),
    ],
)
def test_what_the_engine_would_misread_is_denied_before_it_is_asked(
    policy_helper: PolicyHelper, parameters: dict[str, Any], pointer: str
) -> None:
    decision = decide(parameters=parameters)
    assert_engine_error(decision)
    assert decision.denials[0]["pointer"] == pointer


def raw(path: Path, sent: bytes) -> dict[str, Any] | None:
    """Talk to a helper past its client; None where it hangs up."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(path))
        peer.sendall(sent)
        buffer = bytearray()
        while (body := wire.take(buffer)) is None:
            received = peer.recv(65536)
            if not received:
                return None
            buffer += received
        answer: dict[str, Any] = json.loads(body)
        return answer


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"{}", b'{"stage": "request"}', b'{"stage": "other", "input": {}}', b"\xff",
        b'{"stage": "request", "input": {"x": "\\u0000"}}', b'{"stage": "request", "input": {"x": NaN}}',
        b'{"stage": "request", "input": {"x": ' + b"[" * 100 + b"]" * 100 + b"}}",
        b"[" * 100_000, b'{"stage": "request", "input": {"x": 99999999999999999999999}}',
    ],
    ids=range(12),
)  # fmt: skip
def test_the_helper_guards_itself_against_every_client(policy_helper: PolicyHelper, body: bytes) -> None:
    (pid,) = policy_helper.evaluators()
    answer = raw(policy_helper.socket, wire.frame(body))
    assert answer is not None
    assert set(answer) == {"error"}
    assert policy_helper.evaluators() == [pid]


def test_a_frame_that_is_announced_too_large_is_hung_up_on(policy_helper: PolicyHelper) -> None:
    assert raw(policy_helper.socket, wire.LENGTH.pack(wire.MAX_FRAME_BYTES + 1)) is None
    assert decide().outcome == PolicyOutcome.ALLOW


def test_half_a_frame_holds_up_nobody(policy_helper: PolicyHelper) -> None:
    with socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(policy_helper.socket))
        slow.sendall(wire.frame(b"{}")[:3])
        assert decide().outcome == PolicyOutcome.ALLOW


def test_threads_are_answered_each_with_its_own(helper: PolicyHelper) -> None:
    def one(number: int) -> str:
        return str(until_judged(operation="echo", reason=f"reason {number}").denials[0]["detail"])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(one, range(80))) == [f"reason {number}" for number in range(80)]


def test_a_process_that_was_forked_does_not_speak_on_its_parents_connection(
    policy_helper: PolicyHelper, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decide().outcome == PolicyOutcome.ALLOW
    before = policy_client._lines.line
    assert decide().outcome == PolicyOutcome.ALLOW
    assert policy_client._lines.line is before
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert decide().outcome == PolicyOutcome.ALLOW
    assert policy_client._lines.line is not before


def test_nothing_of_the_environment_is_visible_to_a_rule(tmp_path: Path, settings: Settings) -> None:
    helper = PolicyHelper(tmp_path, write(tmp_path)).start(DATABASE_URL="postgresql://s3cret", HOME="/root")
    settings.POLICY_SOCKET = helper.socket
    try:
        (seen,) = decide().warnings
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
    before = until_judged().policy_set
    line = policy_client._lines.line
    write(helper.policies.parent, manifest=MANIFEST.replace("version: 3", "version: 4"))
    assert until_judged().policy_set == before
    helper.reload()
    wait_until(lambda: decide().policy_set.version == 4, "the new set")
    assert decide().policy_set.digest != before.digest
    assert policy_client._lines.line is line


def test_a_set_that_cannot_be_used_leaves_the_old_one_in_force(helper: PolicyHelper) -> None:
    write(helper.policies.parent, manifest="id: broken")
    helper.reload()
    wait_until(lambda: "the policy set stays as it was" in helper.log.read_text(), "the refusal")
    assert decide().policy_set.name == "tests@3"


BROKEN: list[tuple[Callable[[Path], object], str]] = [
    (lambda policies: (policies / "policy-set.yaml").unlink(), "cannot be read"),
    (lambda policies: (policies / "rules.rego").write_text("package p\nx if {"), "do not compile"),
    (lambda policies: (policies / "rules.rego").write_text('package p\nx := "\\n"'), "between backticks"),
]


@pytest.mark.parametrize(("harm", "said"), BROKEN, ids=["no manifest", "no Rego", "an escape"])
def test_it_does_not_start_with_a_set_that_cannot_be_used(
    tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    policies = write(tmp_path)
    harm(policies)
    ended = run(tmp_path / "policy.sock", policies)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not (tmp_path / "policy.sock").exists()


def run(path: Path, policies: Path = ROOT / "policies") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "governance.engine", "--socket", path, "--policies", policies],
        cwd=ROOT, env={}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


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
