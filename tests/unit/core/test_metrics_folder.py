import os
import subprocess
import sys
from pathlib import Path

import pytest

from platform_api.core import metrics_folder
from platform_api.core.metrics_folder import VARIABLE, metrics_folder_open


@pytest.fixture(autouse=True)
def _variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "restored afterwards")


@pytest.fixture
def gone() -> int:
    """The number of a process that was."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_siblings_share_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    folder = metrics_folder_open(tmp_path / "metrics")
    assert folder.name == str(os.getppid())
    assert os.environ[VARIABLE] == str(folder)
    assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent)} == {0o700}


def test_what_a_server_that_is_gone_has_left_is_removed(tmp_path: Path, gone: int) -> None:
    (tmp_path / str(gone)).mkdir()
    (tmp_path / "not-ours").mkdir()
    metrics_folder_open(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"not-ours", str(os.getppid())}


def test_what_a_sibling_counted_outlives_it_and_how_it_stood_does_not(tmp_path: Path, gone: int) -> None:
    folder = metrics_folder_open(tmp_path)
    kept = {f"counter_{gone}.db", f"gauge_livesum_{os.getpid()}.db"}
    for name in (*kept, f"gauge_livesum_{gone}.db"):
        (folder / name).touch()
    assert metrics_folder_open(tmp_path) == folder
    assert {path.name for path in folder.iterdir()} == kept


_COUNT = """
import sys
from pathlib import Path
from platform_api.core.metrics_folder import metrics_folder_open
metrics_folder_open(Path(sys.argv[1]))
from platform_api.core import metrics
metrics.REQUEST_SECONDS.labels("/x", "GET", "2xx").observe(0.01)
metrics.WAITERS.inc()
sys.stdout.write(metrics.exposition().decode())
"""


def test_a_scrape_adds_up_what_all_siblings_counted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _COUNT, str(tmp_path)]
    page = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)][-1]
    assert 'slipway_http_request_duration_seconds_count{method="GET",route="/x",status="2xx"} 2.0' in page
    assert "slipway_waiters 1.0" in page  # the first process is gone, and so is who waited in it


def test_the_folder_can_be_opened_before_the_library_is_imported() -> None:
    source = Path(metrics_folder.__file__).read_text()
    assert "import prometheus_client" not in source
    assert "from prometheus_client" not in source
