"""The evaluator: one process that answers asks one after another, and may die at any of them.

Before each ask it sets an alarm that it never handles: an evaluation that takes too long is ended by the kernel, which
needs nobody to look and cannot be held up by the engine. The watchdog then starts another.
"""

import json
import logging
import selectors
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from governance.engine import canonical, wire
from governance.engine.policy_set import Level, PolicySetError, Stage, policy_set_load
from governance.engine.rego import Rules

logger = logging.getLogger(__name__)

SEND_TIMEOUT_SECONDS = 0.5
RECEIVE_BYTES = 256 * 1024
RELOAD = b"r"


class Evaluator:
    """Answers on every connection of a listening socket, until its control pipe is closed.

    Args:
        listener: The socket; shared with the evaluator that comes after.
        control: Reads ``r`` to load the set anew, and the end when the watchdog is gone.
        folder: The policy set.

    Raises:
        PolicySetError: The set cannot be used.
    """

    def __init__(self, *, listener: socket.socket, control: socket.socket, folder: Path) -> None:
        self._listener, self._control, self._folder = listener, control, folder
        self._load()
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until the watchdog closes the control pipe."""
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._control, selectors.EVENT_READ, self._obey)
        self._is_running = True
        while self._is_running:
            for key, _ in self._selector.select():
                key.data(key.fileobj)

    def _load(self) -> None:
        self._rules = Rules(policy_set_load(self._folder))
        # What is said most often is written down once: that no policy objects.
        self._nothing = {stage: self._said(stage, {}) for stage in Stage}

    def _accept(self, listener: socket.socket) -> None:
        try:
            peer, _ = listener.accept()
        except BlockingIOError:  # whoever knocked is gone again
            return
        peer.settimeout(SEND_TIMEOUT_SECONDS)
        buffer = bytearray()
        self._selector.register(peer, selectors.EVENT_READ, lambda peer: self._serve(peer, buffer))

    def _obey(self, control: socket.socket) -> None:
        if control.recv(1) != RELOAD:
            self._is_running = False
            return
        try:
            self._load()
        except PolicySetError as error:
            logger.error("the policy set stays as it was: %s", error)  # noqa: TRY400 - the text says where; no traceback
        else:
            policy_set = self._rules.policy_set
            logger.warning("loaded policy set %s@%d %s", policy_set.id, policy_set.version, policy_set.digest)

    def _serve(self, peer: socket.socket, buffer: bytearray) -> None:
        try:
            received = peer.recv(RECEIVE_BYTES)
            buffer += received
            while (body := wire.take(buffer)) is not None:
                peer.sendall(wire.frame(self._answer(body)))
        except (OSError, wire.FrameTooLargeError):
            received = b""
        if not received:
            self._selector.unregister(peer)
            peer.close()

    def _answer(self, body: bytes) -> bytes:
        signal.setitimer(signal.ITIMER_REAL, max(wire.BUDGET_SECONDS.values()))
        try:
            message = json.loads(body)
            stage = Stage(message["stage"])
            signal.setitimer(signal.ITIMER_REAL, wire.BUDGET_SECONDS[stage])
            value = message["input"] if canonical.is_plain(body) else canonical.normalize(message["input"])
            answer = self._judge(stage, value)
        except canonical.InputRefusedError as error:
            refusal = {"error": f"The input cannot be judged: {error}"}
        except Exception as error:  # noqa: BLE001 - whatever fails here denies; the text of a foreign error may quote input
            logger.error("an evaluation failed: %s", type(error).__name__)  # noqa: TRY400 - as above
            refusal = {"error": "The policy set could not be evaluated."}
        else:
            return answer
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return json.dumps(refusal).encode()

    def _judge(self, stage: Stage, value: Any) -> bytes:
        started = time.perf_counter()
        findings = self._rules.findings(stage, value)
        milliseconds = (time.perf_counter() - started) * 1000
        said = self._said(stage, findings) if any(findings.values()) else self._nothing[stage]
        return b"%s%.3f}" % (said, milliseconds)

    def _said(self, stage: Stage, findings: Mapping[str, list[dict[str, Any]]]) -> bytes:
        """Return all of an answer but what the evaluation took."""
        policy_set = self._rules.policy_set
        answer = {
            "set": {"id": policy_set.id, "version": policy_set.version, "digest": policy_set.digest},
            "results": [
                {
                    "id": policy.id,
                    "level": policy.level,
                    "outcome": _outcome(policy.level, findings.get(policy.id, [])),
                    "findings": findings.get(policy.id, []),
                }
                for policy in policy_set.policies
                if policy.stage is stage
            ],
        }
        return json.dumps(answer, separators=(",", ":")).encode().removesuffix(b"}") + b',"milliseconds":'


def _outcome(level: Level, findings: list[dict[str, Any]]) -> str:
    if not findings:
        return "allow"
    return "warn" if level is Level.ADVISORY else "deny"
