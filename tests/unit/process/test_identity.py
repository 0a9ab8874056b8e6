import dataclasses
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_api.process import table
from platform_api.process.children import Child, child_start
from platform_api.process.identity import ProcessIdentity, descendants, processes_end
from platform_api.process.ladders import Ladder, Step
from tests.unit.process.conftest import PythonCommand
from tests.waiting import wait_until

ENDLESS = "import time\nwhile True: time.sleep(1)"
LADDER: Ladder = (Step(signal=signal.SIGTERM, seconds=5),)


@pytest.fixture
def child(python: PythonCommand) -> Iterator[Child]:
    child = child_start(python(ENDLESS))
    yield child
    child.reap()


def recycled(identity: ProcessIdentity) -> ProcessIdentity:
    """The identity of an earlier process that had the same number."""
    return dataclasses.replace(identity, started="1")


def test_a_running_process_is_alive_and_can_be_signaled(child: Child) -> None:
    assert child.identity == ProcessIdentity.of(child.pid)
    assert child.identity.is_alive()
    assert child.identity.send(signal.SIGTERM)
    assert child.wait_exit(5)


def test_an_ended_process_that_is_not_collected_is_not_alive(child: Child) -> None:
    child.send(signal.SIGKILL)
    assert child.wait_exit(5)
    assert not child.identity.is_alive()
    assert not child.identity.send(signal.SIGTERM)


def test_a_recycled_number_is_neither_alive_nor_signaled(child: Child) -> None:
    earlier = recycled(child.identity)
    assert not earlier.is_alive()
    assert not earlier.send(signal.SIGKILL)
    assert processes_end([earlier], LADDER) == []
    assert earlier.members() == []
    assert child.identity.is_alive()


def test_a_process_of_an_earlier_boot_is_not_alive(child: Child) -> None:
    earlier = dataclasses.replace(child.identity, boot_id="another")
    assert not earlier.is_alive()
    assert earlier.members() == []


def test_a_number_that_nobody_has_gives_no_identity() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert ProcessIdentity.of(pid) is None


def test_members_are_the_session_and_descendants_also_other_sessions(python: PythonCommand, tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    open('same', 'w').write(str(os.getpid()))\n"
        "elif os.fork() == 0:\n"
        "    os.setsid()\n"
        "    open('other', 'w').write(str(os.getpid()))\n" + ENDLESS
    )
    child = child_start(python(code))
    try:
        same, other = tmp_path / "same", tmp_path / "other"
        wait_until(lambda: all(file.exists() and file.read_text() for file in (same, other)))
        members = {identity.pid for identity in child.identity.members()}
        family = descendants(child.pid)
        assert members == {child.pid, int(same.read_text())}
        assert {identity.pid for identity in family} == {int(same.read_text()), int(other.read_text())}
        assert processes_end(family, LADDER) == []
        assert not any(identity.is_alive() for identity in family)
    finally:
        child.reap()


def test_members_are_found_after_their_leader_is_gone(python: PythonCommand, tmp_path: Path) -> None:
    code = "import os\nif os.fork() == 0:\n    open('left', 'w').write(str(os.getpid()))\n"
    child = child_start(python(code + "    import time\n    while True: time.sleep(1)\n"))
    left = tmp_path / "left"
    wait_until(lambda: left.exists() and bool(left.read_text()))
    assert child.wait_exit(5)
    os.waitpid(child.pid, 0)  # collected behind the child's back, as after the death of its parent
    members = child.identity.members()
    assert [identity.pid for identity in members] == [int(left.read_text())]
    assert processes_end(members, LADDER) == []
    child.reap()


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps is not installed")
def test_without_proc_ps_tells_the_same(child: Child, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    by_proc = table.process_row(child.pid)
    monkeypatch.setattr(table, "_PROC", tmp_path)
    by_ps = table.process_row(child.pid)
    assert by_proc is not None
    assert by_ps is not None
    assert dataclasses.replace(by_ps, started="") == dataclasses.replace(by_proc, started="")
    assert by_ps in table.process_rows()
    identity = ProcessIdentity.of(child.pid)
    assert identity is not None
    assert identity.is_alive()
    assert not recycled(identity).is_alive()
