"""Rounds of load: how many, how long, and what one of them came to."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.figures import cpu_ms, family
from benchmarks.load import CONNECTIONS, Burst, drive

IS_SHORT = os.environ.get("SHORT", "0") != "0"
"""The same with so few rounds that the figures mean nothing: shows that it works."""

PAIRS, SECONDS = (1, 0.5) if IS_SHORT else (7, 5.0)
_HUNDRED = 100


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One burst, and what it cost.

    Attributes:
        burst: The burst.
        cpu_ms: CPU time of an answer, by what was watched.
    """

    burst: Burst
    cpu_ms: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.burst.rate

    @property
    def tail_ratio(self) -> float:
        """How many times the median the hundredth slowest answer took."""
        return self.percentile_ms(99) / self.percentile_ms(50)

    def percentile_ms(self, percent: int) -> float:
        """Return what so many of a hundred answers were faster than, in milliseconds."""
        return self.burst.percentile_ms(percent)


def sample_take(
    port: int,
    requests: Iterator[bytes],
    *,
    status: int,
    watched: Mapping[str, Sequence[int]] = MappingProxyType({}),
    connections: int = CONNECTIONS,
) -> Sample:
    """Drive one burst.

    Args:
        port: Where to.
        requests: What.
        status: What each answer has to be.
        watched: Programs whose CPU time is told, by name: each a list of processes, with all below them.
        connections: How many at once.

    Raises:
        RuntimeError: Some answer was another.
    """
    before = _spent(watched)
    burst = drive(port, requests, seconds=SECONDS, connections=connections)
    spent = {name: (total - before[name]) / max(burst.count, 1) for name, total in _spent(watched).items()}
    if set(burst.statuses) != {status}:
        msg = f"answers other than {status}: {dict(burst.statuses)}"
        raise RuntimeError(msg)
    return Sample(burst=burst, cpu_ms=spent)


def _spent(watched: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Return the CPU time so far; looked up anew each time, for a database starts a process for each connection."""
    return {
        name: cpu_ms((each for pid in pids for each in family(pid)), with_children=True)
        for name, pids in watched.items()
    }
