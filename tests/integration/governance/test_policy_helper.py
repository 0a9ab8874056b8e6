"""What the helper says, whatever is done to it or sent to it; all else is a denial."""

import json
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from governance.engine import canonical, wire
from governance.models import PolicyOutcome
from governance.services import policy_client
from governance.services.policies import Decision, PolicyDeniedError, policy_require
from governance.services.policy_input import EnvironmentInput, PlanInput
from tests.integration.governance.judging import decide, until_judged
from tests.policies import PolicyHelper, ask, wait_until


def assert_engine_error(decision: Decision) -> None:
    assert decision.outcome == PolicyOutcome.ERROR
    assert not decision.verdict.results
    assert not decision.verdict.warnings
    (denial,) = decision.denials
    assert (denial["code"], denial["level"]) == ("policy_engine_error", "hard_mandatory")
    assert denial["detail"]
    assert denial["remedy"]
    with pytest.raises(PolicyDeniedError) as caught:
        policy_require(decision)
    assert caught.value.errors == [denial]


def test_an_ask_that_nothing_objects_to_is_allowed_by_every_policy(policy_helper: PolicyHelper) -> None:
    decision = decide()
    assert decision.outcome == PolicyOutcome.ALLOW
    assert not decision.is_denied
    assert (decision.denials, decision.verdict.warnings) == ((), ())
    assert decision.verdict.policy_set.name == "default@1"
    assert decision.verdict.policy_set.digest.startswith("sha256:")
    assert {result.outcome for result in decision.verdict.results} == {PolicyOutcome.ALLOW}
    assert len(decision.verdict.results) == 7
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
    assert [(found["code"], found["policy"], found["level"]) for found in decision.verdict.warnings] == [
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
