"""How a process is asked to end: politely, then firmly, as data."""

import signal
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One rung on the way down: a signal, and the patience that follows it."""

    signal: signal.Signals
    # Seconds that the process has before the next step; 0 or more.
    seconds: float


# From the politest step to the last one before SIGKILL, which always follows and is never written down.
Ladder = tuple[Step, ...]

# Terraform finishes what is in flight after the first SIGINT (a create may take a minute), gives up and saves
# its state after the second. SIGTERM would do the same; SIGINT is what people send, so it is the
# better-trodden path.
TERRAFORM_LADDER: Ladder = (
    Step(signal=signal.SIGINT, seconds=60),
    Step(signal=signal.SIGINT, seconds=15),
)

# For programs with nothing to lose but a clean goodbye.
TERMINATE_LADDER: Ladder = (Step(signal=signal.SIGTERM, seconds=10),)
