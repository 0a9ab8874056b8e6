"""The policy helper for tests: the real program, as a child process, and a plain ask for it to judge."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from governance.engine import wire
from governance.services.policy_input import (
    CallerInput,
    EnvironmentInput,
    MoneyInput,
    OfferingInput,
    PlanInput,
    ProjectInput,
    RequestInput,
)

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 20


def ask(**changes: Any) -> RequestInput:
    """Return an ask that no shipped policy objects to, with some of its members replaced."""
    plain = RequestInput(
        operation="provision",
        offering=OfferingInput(slug="postgres-database", kind="database", version="1.2.0"),
        plan=PlanInput(slug="small", points=2, monthly_cost=MoneyInput(amount="9.00", currency="EUR")),
        project=ProjectInput(slug="checkout", team="shop"),
        environment=EnvironmentInput(
            name="staging", tier="staging", is_ephemeral=False, expires_at=None, offering=None
        ),
        parameters={"connection_limit": 20},
        name="orders",
        reason="Own store for the orders service",
        ticket="SHOP-142",
        caller=CallerInput(name="dana", kind="human", roles=["developer"]),
        now="2026-11-21T08:00:00.000+00:00",
        resource=None,
    )
    return msgspec.structs.replace(plain, **changes)


def wait_until(is_so: Any, what: str) -> None:
    """Wait for a condition, with a bound."""
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited {START_SECONDS} s in vain: {what}"
        time.sleep(0.01)


class PolicyHelper:
    """One helper on a socket of its own.

    Args:
        folder: Private folder for the socket and the log.
        policies: The policy set.
    """

    def __init__(self, folder: Path, policies: Path = ROOT / "policies") -> None:
        self.socket, self.log, self.policies = folder / "policy.sock", folder / "policy.log", policies

    def start(self, **environment: str) -> "PolicyHelper":
        """Start it, and wait until it listens; its environment is empty but for what is named."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "governance.engine", "--socket", self.socket, "--policies", self.policies],
                cwd=ROOT,
                env=environment,
                stderr=log,
            )
        wait_until(self.is_answering, "the policy helper")
        return self

    def is_answering(self) -> bool:
        """Tell whether an evaluator answers: the socket takes callers before one has read its policy set."""
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self.socket))
                probe.sendall(wire.frame(b"{}"))
                return bool(probe.recv(1))
            except OSError:
                return False

    def evaluators(self) -> list[int]:
        """Return the pids of its children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def reload(self) -> None:
        """Have it load its policy set anew."""
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it without a chance to put anything in order."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=START_SECONDS)

    def stop(self) -> int:
        """End it as its supervisor does; return its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=START_SECONDS)
