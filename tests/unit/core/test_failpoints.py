"""Points do what a folder of files says, in the process that passes them, and nothing where there is no folder."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from platform_api.core import clock, failpoints
from platform_api.core.failpoints import HITS, VARIABLE, Arm

ROOT = Path(__file__).resolve().parents[3]


def passing(folder: Path | None, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, since points are found out about once, at its start."""
    environ = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if folder is not None:
        environ[VARIABLE] = str(folder)
    head = "from platform_api.core.failpoints import failpoint\nfrom platform_api.core import clock, correlation\n"
    return subprocess.run(
        (sys.executable, "-c", head + code),
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def hits(folder: Path) -> list[dict[str, Any]]:
    file = folder / HITS
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_without_a_folder_an_armed_point_does_nothing(tmp_path: Path) -> None:
    Arm(action="kill").write(tmp_path, "here")
    assert passing(None, "failpoint('here'); print('passed')").stdout == "passed\n"
    assert hits(tmp_path) == []


def test_a_point_kills_the_process_and_the_hit_is_on_record(tmp_path: Path) -> None:
    Arm(action="kill").write(tmp_path, "here")
    died = passing(tmp_path, "failpoint('there'); failpoint('here'); print('passed')")
    assert (died.returncode, died.stdout) == (-9, "")
    assert [(hit["point"], hit["action"]) for hit in hits(tmp_path)] == [("here", "kill")]


def test_a_point_fires_so_often_after_so_many_passes_and_is_quiet_then(tmp_path: Path) -> None:
    Arm(action="raise", after=1, times=2).write(tmp_path, "here")
    code = """
for _ in range(5):
    try:
        failpoint('here')
        print('passed')
    except RuntimeError:
        print('broke')
"""
    assert passing(tmp_path, code).stdout.split() == ["passed", "broke", "broke", "passed", "passed"]
    assert len(hits(tmp_path)) == 2


def test_a_point_that_is_armed_for_one_exchange_lets_others_pass(tmp_path: Path) -> None:
    Arm(action="raise", correlation_id="mine").write(tmp_path, "here")
    code = """
with correlation.bound('other'):
    failpoint('here')
try:
    with correlation.bound('mine'):
        failpoint('here')
except RuntimeError:
    print('broke')
"""
    assert passing(tmp_path, code).stdout == "broke\n"
    assert [hit["correlation_id"] for hit in hits(tmp_path)] == ["mine"]


def test_a_cut_is_what_a_lost_connection_raises(tmp_path: Path) -> None:
    Arm(action="cut").write(tmp_path, "here")
    code = "import psycopg\ntry:\n    failpoint('here')\nexcept psycopg.OperationalError:\n    print('cut')"
    assert passing(tmp_path, code).stdout == "cut\n"


def test_a_delay_ends_early_when_it_is_released(tmp_path: Path) -> None:
    Arm(action="delay", seconds=600).write(tmp_path, "here")
    (tmp_path / "release-here").touch()
    assert passing(tmp_path, "failpoint('here'); print('passed')").stdout == "passed\n"


def test_a_test_can_let_the_wall_clock_jump_and_no_other_clock(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("3600")
    code = (
        "import time; print(round(clock.now().timestamp() - time.time()), clock.boot_seconds() < time.time() + 1e6, "
        "abs(clock.boot_seconds() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 60)"
    )
    assert passing(tmp_path, code).stdout.split() == ["3600", "True", "True"]


def test_this_process_which_no_test_has_armed_knows_the_time(tmp_path: Path) -> None:
    assert failpoints.clock_error().total_seconds() == 0
    assert clock.now().tzinfo is not None
