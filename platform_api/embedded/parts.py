"""The application parts of a stack, and what is done before they start: all of it data."""

import os
import signal
import sys
from dataclasses import dataclass

from platform_api.process.ladders import Ladder, Step
from platform_api.process.programs import TERRAFORM, ProgramSearch

API = "api"
_POLITE: Ladder = (Step(signal=signal.SIGTERM, seconds=15),)


def worker_ladder(drain_seconds: float) -> Ladder:
    """Return how a worker is ended.

    1. It takes no more runs; those at hand may go on.
    2. It interrupts Terraform, which finishes what is in flight and saves its state, and hands the runs over.
    3. Celery ends its children, which interrupts what is left by parent-death signal.

    Args:
        drain_seconds: How long runs may go on after the first step.
    """
    return (
        Step(signal=signal.SIGTERM, seconds=drain_seconds),
        Step(signal=signal.SIGTERM, seconds=HAND_OVER_SECONDS),
        Step(signal=signal.SIGQUIT, seconds=10),
    )


HAND_OVER_SECONDS = 80
"""Terraform has 75 s to save its state, a plan's worker a few to write down that it is for others."""

_WORKER = worker_ladder(20)  # who ends a local stack waits for it


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """A command that must succeed after the servers are ready and before any part starts."""

    name: str
    argv: tuple[str, ...]
    deadline_seconds: float = 300


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the application."""

    name: str
    # The word ``{port}`` in it stands for the port of the API, ``{state}`` for the state folder.
    argv: tuple[str, ...]
    ladder: Ladder = _POLITE
    # Asked over HTTP on the part's port until it answers 200; empty where there is no such page.
    ready_path: str = ""
    ready_seconds: float = 60
    # A unix socket that is tried until somebody takes the call, ``{state}`` standing for the state folder; empty where
    # there is none.
    ready_socket: str = ""
    # How long a part with neither must live to count as ready.
    settle_seconds: float = 1
    # Programs that it cannot work without; looked for before anything is started.
    needs: tuple[ProgramSearch, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack runs on top of its servers."""

    # The module that ``python -m`` runs to get the same command line again, for the supervisor in the
    # background.
    module: str
    preparations: tuple[Preparation, ...]
    # In the order in which they are started.
    parts: tuple[Part, ...]


def _cores() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_POLICY_SOCKET = "{state}/run/policy.sock"

PLAN = Plan(
    module="platform_api.embedded",
    preparations=(
        Preparation(name="migrate", argv=(sys.executable, "manage.py", "migrate", "--no-input")),
        Preparation(name="seed_connections", argv=(sys.executable, "manage.py", "seed_connections")),
        Preparation(name="sync_catalog", argv=(sys.executable, "manage.py", "sync_catalog")),
    ),
    parts=(
        Part(
            name="policy",
            argv=(
                *(sys.executable, "-m", "governance.engine"),
                *("--socket", _POLICY_SOCKET, "--policies", "policies"),
            ),
            ready_socket=_POLICY_SOCKET,
        ),
        Part(
            name=API,
            argv=(
                *(sys.executable, "-m", "granian", "--interface", "wsgi", "platform_api.wsgi:application"),
                *("--host", "127.0.0.1", "--port", "{port}"),
                # Waiting requests hold a thread each, so threads are many and processes few.
                *("--workers", "2", "--blocking-threads", "64", "--no-ws", "--respawn-failed-workers"),
            ),
            ready_path="/health/ready",
        ),
        Part(name="dispatcher", argv=(sys.executable, "manage.py", "run_dispatcher")),
        Part(name="limits", argv=(sys.executable, "manage.py", "keep_limits")),
        Part(
            name="worker",
            argv=(
                *(sys.executable, "-m", "celery", "-A", "platform_api.celery", "worker"),
                *("--loglevel", "INFO", "--concurrency", str(_cores())),
                # Workers have nothing to tell each other: the database says who runs what.
                *("--without-gossip", "--without-mingle"),
            ),
            ladder=_WORKER,
            needs=(TERRAFORM,),
        ),
    ),
)
