"""Workers: where they work, how many runs at once, how long a claim holds."""

import os
from pathlib import Path

from platform_api.settings import env


def folder(base: Path) -> str:
    """Return where a worker keeps run folders, templates and toolchain: on a local disk, one for a host."""
    state = env.text("SLIPWAY_STATE_DIR", default=str(base / ".slipway"))
    return env.text("SLIPWAY_WORKER_DIR", default=str(Path(state).absolute() / "worker"))


def slots() -> int:
    """Return how many runs all workers together take at once; by default this host's cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return env.integer("SLIPWAY_WORKER_SLOTS", default=cores, minimum=1, maximum=10_000)


def pools() -> list[str]:
    """Return the queues that a worker serves."""
    return env.words("SLIPWAY_WORKER_POOLS", default=["default"])


def lease_seconds() -> int:
    """Return after how many seconds of silence a worker has lost its run."""
    return env.integer("SLIPWAY_LEASE_SECONDS", default=60, minimum=2, maximum=3600)


def verify_seconds(lease: int) -> int:
    """Return how long after a takeover it is looked for what the former worker may have done late.

    By then it has noticed (two leases) and Terraform's whole ladder is behind it.
    """
    return env.integer("SLIPWAY_VERIFY_SECONDS", default=2 * lease + 90, minimum=1, maximum=86_400)
