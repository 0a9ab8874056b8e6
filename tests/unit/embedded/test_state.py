import json
import os
import re
import stat
from pathlib import Path

import pytest

from platform_api.embedded.folder import StateFolder, StateFolderError, private_write
from platform_api.embedded.secret_files import password_make, sealing_keys_make, secret_once
from platform_api.embedded.state import PartState, PartStatus, Phase, State, state_load
from platform_api.embedded.status import DEGRADED, NOT_RUNNING, WELL, StackStatus
from platform_api.process.identity import ProcessIdentity


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / "state")
    folder.make()
    return folder


def ourselves() -> ProcessIdentity:
    identity = ProcessIdentity.of(os.getpid())
    assert identity is not None
    return identity


def dead() -> ProcessIdentity:
    return ProcessIdentity(pid=os.getpid(), started="1", boot_id="another")


def test_a_state_survives_its_file(folder: StateFolder) -> None:
    part = PartState(status=PartStatus.READY, process=ourselves(), port=5432, since=1.5, restarts=2)
    state = State(phase=Phase.READY, supervisor=ourselves(), ports={"broker": 1}, parts={"broker": part})
    state.save(folder)
    assert state_load(folder) == state


def test_without_a_file_a_stack_gets_a_name_of_its_own(folder: StateFolder) -> None:
    assert state_load(folder).stack != state_load(folder).stack


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stack": 1, "phase": "odd"}'])
def test_a_file_that_is_no_state_is_told(folder: StateFolder, text: str) -> None:
    folder.state.write_text(text)
    with pytest.raises(StateFolderError, match=r"state\.json is not a state file"):
        state_load(folder)


@pytest.mark.parametrize(
    ("state", "word", "exit_code"),
    [
        (State(), "not running", NOT_RUNNING),
        (State(phase=Phase.READY, supervisor=dead()), "not running", NOT_RUNNING),
        (State(phase=Phase.STARTING, supervisor=ourselves()), "starting", DEGRADED),
        (State(phase=Phase.READY, supervisor=ourselves()), "ready", WELL),
        (
            State(
                phase=Phase.READY,
                supervisor=ourselves(),
                parts={"broker": PartState(status=PartStatus.READY, process=dead())},
            ),
            "degraded",
            DEGRADED,
        ),
        (
            State(
                phase=Phase.READY,
                supervisor=ourselves(),
                parts={"broker": PartState(status=PartStatus.ELSEWHERE)},
            ),
            "ready",
            WELL,
        ),
        (
            State(
                phase=Phase.READY,
                supervisor=ourselves(),
                parts={"worker": PartState(status=PartStatus.WAITING)},
            ),
            "degraded",
            DEGRADED,
        ),
    ],
)
def test_the_whole_is_judged_by_supervisor_phase_and_parts(
    folder: StateFolder, state: State, word: str, exit_code: int
) -> None:
    state.save(folder)
    status = StackStatus.of(folder)
    assert (status.word, status.exit_code) == (word, exit_code)


def test_the_memory_of_what_runs_is_told_for_people_and_programs(folder: StateFolder) -> None:
    running, gone = (PartState(status=PartStatus.READY, process=process) for process in (ourselves(), dead()))
    State(phase=Phase.READY, supervisor=ourselves(), parts={"api": running, "broker": gone}).save(folder)
    status = StackStatus.of(folder)
    assert set(status.memory) == {"api", "supervisor"}
    told = json.loads(status.as_json())
    assert told["parts"]["api"]["memory_bytes"] > 0
    assert told["parts"]["broker"]["memory_bytes"] is None
    assert told["memory_bytes"] > told["parts"]["api"]["memory_bytes"]
    assert re.search(r"It takes [1-9]\d* MB of memory", status.as_table())
    assert "MEMORY" in status.as_table()


def test_a_secret_is_made_once_and_private(folder: StateFolder) -> None:
    path = folder.secrets / "one"
    first = secret_once(path, password_make)
    assert secret_once(path, password_make) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert password_make() != password_make()
    assert len(sealing_keys_make()) == len("1:") + 44


def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(
    folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.path / "file"
    private_write(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        private_write(path, "new")
    assert path.read_text() == "old"
    assert sorted(file.name for file in folder.path.iterdir()) == ["file", "logs", "secrets"]


def test_a_folder_inside_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateFolderError, match="cannot be used"):
        StateFolder(tmp_path / "file" / "state").make()
