import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_api.embedded import keeper as keeper_module
from platform_api.embedded.console import Console
from platform_api.embedded.keeper import BACK_OFF_SECONDS, Keeper
from platform_api.embedded.parts import PLAN
from platform_api.embedded.state import PartStatus
from platform_api.process.children import Child, ProgramStartError, child_start
from platform_api.process.commands import Command
from platform_api.process.ladders import TERMINATE_LADDER
from tests.waiting import wait_until


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


class Watched:
    """A keeper of a process that ends at once, on a clock of our own."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.lines: list[str] = []
        self.clock = clock
        self.code = "raise SystemExit(7)"
        self.folder = folder
        self.keeper = Keeper(
            name="part",
            start=self.start,
            is_ready=lambda: True,
            ladder=TERMINATE_LADDER,
            say=self.lines.append,
        )

    def start(self) -> Child:
        if not self.code:
            raise ProgramStartError("it is gone")
        return child_start(
            Command(
                argv=(sys.executable, "-IS", "-c", self.code),
                cwd=self.folder,
                environment={},
                output=self.folder / "log",
            )
        )

    def status(self) -> PartStatus:
        return self.keeper.status

    def fall(self) -> float:
        """Let the present process end, and tell how long the pause is."""
        assert self.keeper.child is not None
        assert self.keeper.child.wait_exit(10)
        assert self.keeper.look()
        return float(self.lines[-1].rpartition(" in ")[2].removesuffix(" s"))


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    clock = Clock()
    monkeypatch.setattr(keeper_module, "time", clock)
    watched = Watched(tmp_path, clock)
    yield watched
    watched.keeper.end(lambda _seconds: None, lambda: True)


def test_pauses_grow_to_a_limit_and_each_restart_waits_for_its_pause(watched: Watched) -> None:
    watched.keeper.start()
    for expected in (*BACK_OFF_SECONDS, BACK_OFF_SECONDS[-1]):
        assert watched.fall() == expected
        assert watched.status() is PartStatus.WAITING
        watched.clock.now += expected - 0.1
        assert not watched.keeper.look()
        watched.clock.now += 0.2
        assert watched.keeper.look()
        assert watched.status() is PartStatus.STARTING
    assert watched.keeper.state.restarts == len(BACK_OFF_SECONDS) + 1
    assert "part ended by itself with status 7" in watched.lines[0]


def test_who_served_for_a_minute_is_forgiven(watched: Watched) -> None:
    watched.keeper.start()
    assert watched.fall() == BACK_OFF_SECONDS[0]
    watched.clock.now += 10
    watched.code = "import time; time.sleep(600)"
    watched.keeper.look()
    watched.keeper.look()
    assert watched.status() is PartStatus.READY
    assert watched.lines[-1] == "part is back"
    watched.clock.now += 61
    assert watched.keeper.child is not None
    watched.keeper.child.descend(TERMINATE_LADDER)
    assert watched.fall() == BACK_OFF_SECONDS[0]
    assert "ended by SIGTERM" in watched.lines[-1]


def test_a_start_that_fails_is_tried_again(watched: Watched) -> None:
    watched.keeper.start()
    watched.fall()
    watched.code = ""
    watched.clock.now += 10
    assert watched.keeper.look()
    assert "could not be started again: it is gone" in watched.lines[-1]
    watched.code = "import time; time.sleep(600)"
    watched.clock.now += 10
    assert watched.keeper.look()
    assert watched.status() is PartStatus.STARTING


def test_an_end_in_a_hurry_has_no_patience(watched: Watched, tmp_path: Path) -> None:
    watched.code = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "open('deaf', 'w').close()\nwhile True: time.sleep(1)"
    )
    watched.keeper.start()
    wait_until((tmp_path / "deaf").exists)
    child = watched.keeper.child
    assert child is not None
    watched.keeper.end(lambda _seconds: None, lambda: True)  # the clock stands: patience would never end
    assert child.reap() == -signal.SIGKILL
    assert watched.status() is PartStatus.STOPPED


def test_a_closed_terminal_does_not_stop_the_log(tmp_path: Path) -> None:
    class Closed:
        def write(self, _text: str) -> None:
            raise BrokenPipeError

    with (tmp_path / "log").open("w") as log:
        console = Console([Closed(), log])  # type: ignore[list-item]  # all that is used of a stream
        console.say("one")
        console.say("two")
    assert [line.split(" ", 1)[1] for line in (tmp_path / "log").read_text().splitlines()] == ["one", "two"]


def test_one_part_answers_over_http_and_is_told_its_port() -> None:
    assert [part.name for part in PLAN.parts if part.ready_path] == ["api"]
    assert [part.name for part in PLAN.parts if "{port}" in part.argv] == ["api"]
