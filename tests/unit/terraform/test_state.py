import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.terraform import watching
from platform_api.terraform.state import StateUnreadableError, StateVersion
from platform_api.terraform.testing import state_make
from platform_api.terraform.watching import StateWatcher
from platform_api.terraform.workdir import newest_state
from tests.waiting import wait_until

FIRST = state_make(["terraform_data.a"], serial=1, lineage="one")
SECOND = state_make(["terraform_data.a", "terraform_data.b"], serial=2, lineage="one")
THIRD = state_make([], serial=3, lineage="one")


def test_a_state_tells_its_version_its_objects_and_its_outputs() -> None:
    state = state_make(
        ["fleet_postgres_role.this"], serial=4, lineage="l", outputs={"port": 5}, sensitive={"key": "s3cret"}
    )
    assert (state.lineage, state.serial, state.addresses) == ("l", 4, ("fleet_postgres_role.this",))
    assert state.outputs.shown == {"port": 5}
    assert state.outputs.sensitive == {"key": "s3cret"}
    assert "s3cret" not in repr((state, state.outputs))


@given(st.integers(min_value=0, max_value=len(SECOND.content) - 2))
def test_no_part_of_a_state_passes_for_one(length: int) -> None:
    with pytest.raises(StateUnreadableError):
        StateVersion.parse(SECOND.content[:length])


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"version": 3, "lineage": "l", "serial": 1},
        {"version": 4, "lineage": None, "serial": 1},
        {"version": 4, "lineage": "l", "serial": -1},
        {"version": 4, "lineage": "l", "serial": "1"},
        {"version": 4, "lineage": "l", "serial": 1, "resources": {}},
        {"version": 4, "lineage": "l", "serial": 1, "resources": ["x"]},
    ],
)
def test_what_is_no_state_is_refused(document: object) -> None:
    with pytest.raises(StateUnreadableError):
        StateVersion.parse(json.dumps(document).encode())


@pytest.mark.parametrize("outputs", [[], {"x": 1}, {"x": {}}])
def test_outputs_of_another_form_are_refused(outputs: object) -> None:
    state = StateVersion.parse(json.dumps({"version": 4, "lineage": "l", "serial": 1, "outputs": outputs}).encode())
    with pytest.raises(StateUnreadableError):
        _ = state.outputs


def test_only_a_later_version_of_the_same_history_is_newer() -> None:
    foreign = state_make([], serial=9, lineage="other")
    assert SECOND.is_newer_than(FIRST)
    assert FIRST.is_newer_than(None)
    assert not FIRST.is_newer_than(SECOND)
    assert not FIRST.is_newer_than(FIRST)
    assert not foreign.is_newer_than(FIRST)


def test_a_watcher_skips_torn_files_and_gives_each_version_once(tmp_path: Path) -> None:
    path = tmp_path / "terraform.tfstate"
    seen: list[int] = []
    with StateWatcher(path, known=FIRST) as watcher:

        def arrived(serial: int) -> bool:
            seen.extend(version.serial for version in watcher.take())
            return serial in seen

        for content in (FIRST.content, b"", SECOND.content[:40]):
            path.write_bytes(content)
        path.write_bytes(SECOND.content)
        wait_until(lambda: arrived(2))
        path.write_bytes(SECOND.content)  # touched, and the same
        path.write_bytes(THIRD.content)
        watcher.stop()
        seen.extend(version.serial for version in watcher.take())
    assert seen == [2, 3]


def test_a_watcher_always_gives_the_last_version(tmp_path: Path) -> None:
    path = tmp_path / "terraform.tfstate"
    for number in range(30):
        watcher = StateWatcher(path, known=None)
        with watcher:
            last = state_make([], serial=number, lineage="one")
            path.write_bytes(last.content)
        assert watcher.take()[-1] == last


def test_the_last_look_sees_a_write_that_left_size_and_time_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_SECONDS", 600)  # the test looks itself
    path = tmp_path / "terraform.tfstate"
    path.write_bytes(state_make([], serial=1, lineage="one").content)
    with StateWatcher(path, known=None) as watcher:
        watcher._look()
        status = path.stat()
        path.write_bytes(THIRD.content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.stat().st_size == status.st_size
    assert [version.serial for version in watcher.take()] == [1, 3]


def test_a_watchers_thread_ends_with_it_also_after_an_exception(tmp_path: Path) -> None:
    before = threading.active_count()

    def break_off() -> None:
        with StateWatcher(tmp_path / "none", known=None):
            assert threading.active_count() == before + 1
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("files", "stored", "expected"),
    [
        ({}, None, None),
        ({"terraform.tfstate": FIRST}, None, FIRST),
        ({"terraform.tfstate": FIRST}, FIRST, None),
        ({"terraform.tfstate": SECOND}, FIRST, SECOND),
        ({"terraform.tfstate": SECOND, "errored.tfstate": THIRD}, FIRST, THIRD),
        ({"terraform.tfstate": b"", "terraform.tfstate.backup": FIRST}, None, FIRST),
        ({"terraform.tfstate": THIRD.content[:30]}, SECOND, None),
        ({"errored.tfstate": state_make([], serial=9, lineage="other")}, FIRST, None),
    ],
)
def test_the_newest_state_of_a_folder_is_found_whatever_is_torn_or_foreign(
    files: dict[str, StateVersion | bytes], stored: StateVersion | None, expected: StateVersion | None, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.content)
    assert newest_state(tmp_path, stored) == expected
    assert newest_state(tmp_path / "missing", stored) is None
