"""The whole attack: bodies, raw bodies, addresses and headers, while no worker looks; then the logs are searched."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass

from tests.e2e.evidence import search
from tests.hostile import raw
from tests.hostile.attack import Attack
from tests.hostile.rows import Rows
from tests.hostile.stage import Stage
from tests.hostile.values import CANARIES
from tests.hostile.wire import Wire

_SHORT = 40
"""In the short form each slot is given every fortieth value; which ones differs from slot to slot."""

_SPARING = 4
"""Of addresses and headers nothing but text is made; in either form each is given every fourth of the texts."""


@dataclass(frozen=True)
class Report:
    """What came of an attack.

    Attributes:
        answers: How often each status and code was answered.
        failures: What was not as promised, ready to be read.
    """

    answers: Counter[tuple[int, str]]
    failures: tuple[str, ...]

    @property
    def totals(self) -> str:
        """One line: how many calls, how many failures, and the answers by status and code."""
        told = ", ".join(f"{status} {code} {count}" for (status, code), count in sorted(self.answers.items()))
        return f"{self.answers.total()} calls, {len(self.failures)} failures: {told}"


def assault(stage: Stage, *, is_short: bool) -> Report:
    """Attack a stage with everything, or with a sample of everything.

    The dispatcher is stopped meanwhile, so that what is accepted waits and can be taken back.
    """
    step = _SHORT if is_short else 1
    port = stage.stack.state.ports["api"]
    with stage.stack.control() as control, stage.stack.frozen("dispatcher"), closing(Wire(port)) as wire:
        attacker = Attack(stage, rows=Rows(control), wire=wire)
        attacker.bodies(step=step)
        raw.attack(attacker, is_short=is_short)
        attacker.addresses(step=_SPARING * step)
        attacker.headers(step=_SPARING * step)
    failures = [str(failure) for failure in attacker.failures]
    return Report(attacker.contract.totals, (*failures, *_leaks(stage)))


def _leaks(stage: Stage) -> list[str]:
    """Return which of the secret-looking values stand in which log."""
    logs = {(path.name, path.read_bytes()) for path in (stage.stack.folder.path / "logs").iterdir()}
    if not search({"logs": logs}, "Started worker"):
        return ["FAILED the logs hold not even what the server said when it started"]
    return [
        f"FAILED canary {canary} stands in {name}"
        for canary in CANARIES
        for name in search({"logs": logs}, canary).get("logs", ())
    ]
