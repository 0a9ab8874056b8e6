"""How often and how long a run is tried, whatever its offering says."""

MAX_ATTEMPTS = 3
"""How often a run is claimed in all: failures that may pass and lost workers cost an attempt each."""

MAX_RECOVERIES = 2
"""Attempts beyond those, after an apply was begun: a worker shall collect what exists, before the run is given up."""

RETRY_SECONDS = 5
"""Before the second attempt; twice as long before the third."""

PLAN_SECONDS_DEFAULT = 600
"""Deadline at the claim, before the offering's own is known."""

SILENCE_SECONDS = 120
"""Terraform speaks every 10 s while it works on an object; this long without a word means that it hangs."""
