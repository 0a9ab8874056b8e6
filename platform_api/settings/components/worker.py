"""Workers: where they work, how many runs at once, how long a claim holds."""

import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from platform_api.settings import env

DEFAULT_POOL = "default"
MOST_SLOTS = 10_000
POOL = re.compile(r"[a-z][a-z0-9-]{0,31}")
"""The names of pools; ``catalog.models.connections`` says the same to PostgreSQL."""


def folder(base: Path) -> str:
    """Return where a worker keeps run folders, templates and toolchain: on a local disk, one for a host."""
    state = env.text("SLIPWAY_STATE_DIR", default=str(base / ".slipway"))
    return env.text("SLIPWAY_WORKER_DIR", default=str(Path(state).absolute() / "worker"))


def slots() -> dict[str, int]:
    """Return how many runs all workers of a pool together take at once; by default this host's cores.

    ``8`` says it for each pool of ``SLIPWAY_WORKER_POOLS``, ``default=8,team-a=2`` for those that are named.

    Raises:
        ImproperlyConfigured: It is neither.
    """
    given = env.words("SLIPWAY_WORKER_SLOTS")
    if not any("=" in word for word in given):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        count = env.integer("SLIPWAY_WORKER_SLOTS", default=cores, minimum=1, maximum=MOST_SLOTS)
        return dict.fromkeys(pools(), count)
    found = dict[str, int]()
    for word in given:
        pool, _, count_text = (part.strip() for part in word.partition("="))
        is_sound = POOL.fullmatch(pool) and count_text.isascii() and count_text.isdecimal()
        if not is_sound or not 1 <= int(count_text) <= MOST_SLOTS or pool in found:
            msg = (
                f"SLIPWAY_WORKER_SLOTS must be a number, or numbers by pool such as default=8,team-a=2, each from 1 to "
                f"{MOST_SLOTS} and each pool once; it has {word!r}."
            )
            raise ImproperlyConfigured(msg)
        found[pool] = int(count_text)
    return found


def pools() -> list[str]:
    """Return the pools that a worker serves.

    Raises:
        ImproperlyConfigured: One of them is no name of a pool.
    """
    found = env.words("SLIPWAY_WORKER_POOLS", default=[DEFAULT_POOL])
    for pool in found:
        if not POOL.fullmatch(pool):
            msg = (
                f"SLIPWAY_WORKER_POOLS has {pool!r}; a pool is up to 32 of a-z, 0-9, hyphen, and begins with a letter."
            )
            raise ImproperlyConfigured(msg)
    return found


def lease_seconds() -> int:
    """Return after how many seconds of silence a worker has lost its run."""
    return env.integer("SLIPWAY_LEASE_SECONDS", default=60, minimum=2, maximum=3600)


def drain_seconds() -> int:
    """Return how long a worker that is asked to end lets its runs go on before it hands them over."""
    return env.integer("SLIPWAY_WORKER_DRAIN_SECONDS", default=600, minimum=0, maximum=86_400)


def verify_seconds(lease: int) -> int:
    """Return how long after a takeover it is looked for what the former worker may have done late.

    By then it has noticed (two leases) and Terraform's whole ladder is behind it.
    """
    return env.integer("SLIPWAY_VERIFY_SECONDS", default=2 * lease + 90, minimum=1, maximum=86_400)
