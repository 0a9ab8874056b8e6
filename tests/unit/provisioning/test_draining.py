"""A drain is asked for in one process and seen in its children."""

import os
import threading

import pytest

from platform_api.core import clock
from provisioning.services.execution.draining import Drain


def standing(drain: Drain) -> tuple[bool, bool]:
    return drain.has_begun, drain.is_over


def test_runs_may_go_on_for_the_time_of_the_drain_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(clock, "boot_seconds", lambda: now)
    drain = Drain(30)
    assert standing(drain) == (False, False)
    drain.ask()
    now = 1029.9
    assert standing(drain) == (True, False)
    now = 1030.0
    assert standing(drain) == (True, True)


def test_who_asks_twice_has_no_time_to_wait() -> None:
    drain = Drain(3600)
    drain.ask()
    assert standing(drain) == (True, False)
    drain.ask()
    assert standing(drain) == (True, True)


def test_a_drain_of_no_seconds_is_over_at_once() -> None:
    drain = Drain(0)
    assert standing(drain) == (False, False)
    drain.ask()
    assert standing(drain) == (True, True)


def test_children_see_what_their_parent_was_asked_after_the_fork() -> None:
    drain = Drain(3600)
    told, heard = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os.read(told[0], 1)
        seen: list[tuple[bool, bool]] = []
        thread = threading.Thread(target=lambda: seen.append(standing(drain)))
        thread.start()
        thread.join()
        os.write(heard[1], b"yes" if seen == [(True, False)] else b"no")
        os._exit(0)
    drain.ask()
    os.write(told[1], b".")
    assert os.read(heard[0], 3) == b"yes"
    os.waitpid(child, 0)
