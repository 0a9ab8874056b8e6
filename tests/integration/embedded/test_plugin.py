"""The plugin that gives servers to a test run, watched from outside."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from platform_api.embedded.folder import CHECKOUT
from platform_api.embedded.ports import port_is_free
from platform_api.embedded.servers import ServerName
from tests.waiting import wait_until

_NAMES = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_SUPERUSER_URL",
    "FLEET_DATABASE_URL",
    "REDIS_URL",
    "FLEET_VALKEY_URL",
    "SECRET_KEY",
    "SLIPWAY_SEALING_KEYS",
)
# At import, which is during collection: the settings are read as early as that.
_HEAD = f"""
import os, pathlib, time
from platform_api.embedded.ready import postgres_answers, valkey_answers
place = pathlib.Path(__file__).parent
missing = [name for name in {_NAMES!r} if not os.environ.get(name)]
ports = " ".join(os.environ[name].rsplit(":", 1)[1].split("/")[0] for name in os.environ if name.endswith("_URL"))
(place / "ports").write_text(ports)
"""
_SERVED = """
def test_served():
    assert not missing
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SUPERUSER_URL", "FLEET_DATABASE_URL"):
        assert postgres_answers(os.environ[name]), name
    assert valkey_answers(os.environ["REDIS_URL"]) and valkey_answers(os.environ["FLEET_VALKEY_URL"])
"""
_BROKEN = "raise RuntimeError('broken at import')\n"
_ENDLESS = """
def test_endless():
    (place / "up").touch()
    time.sleep(600)
"""
_GIVEN = """
def test_given():
    assert os.environ["DATABASE_URL"] == "postgresql://given:1/x"
    assert "DATABASE_OWNER_URL" not in os.environ
"""
_NOTED = """
def test_noted():
    (place / f"noted-{os.environ['PYTEST_XDIST_WORKER']}").write_text(ports)
"""
_INTERRUPTIBLE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def start(folder: Path, code: str, *options: str, **settings: str) -> subprocess.Popen[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_inner.py").write_text(_HEAD + code)
    (folder / "temporary").mkdir()
    return subprocess.Popen(
        (
            # A shell that started this run in the background has SIGINT ignored, and a child would inherit that.
            *(sys.executable, "-c", _INTERRUPTIBLE),
            *(sys.executable, "-m", "pytest", "-c", str(folder / "pytest.ini")),
            *("-p", "tests.plugins.servers", "-p", "no:django", "-p", "no:cacheprovider"),
            *options,
            str(folder),
        ),
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder / "temporary"), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    try:
        return process.communicate(timeout=60)[0]
    finally:
        process.kill()
        process.wait()


def left_nothing(folder: Path) -> bool:
    ports = [int(port) for port in (folder / "ports").read_text().split()]
    assert ports
    return all(map(port_is_free, ports)) and not list((folder / "temporary").glob("slipway-*"))


def test_servers_are_there_before_collection_and_gone_after_the_run(tmp_path: Path) -> None:
    process = start(tmp_path, _SERVED)
    output = finish(process)
    assert process.returncode == 0, output
    assert "servers: control-postgres, fleet-postgres, broker, fleet-valkey" in output
    assert left_nothing(tmp_path)


def test_servers_are_gone_after_a_collection_that_failed(tmp_path: Path) -> None:
    process = start(tmp_path, _BROKEN)
    assert "broken at import" in finish(process)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert left_nothing(tmp_path)


def test_servers_are_gone_after_an_interrupt(tmp_path: Path) -> None:
    process = start(tmp_path, _ENDLESS)
    wait_until((tmp_path / "up").exists, seconds=30)
    process.send_signal(signal.SIGINT)
    finish(process)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert left_nothing(tmp_path)


def test_each_of_several_processes_has_servers_of_its_own(tmp_path: Path) -> None:
    together = tmp_path / "test_other.py"
    together.write_text(_HEAD + _NOTED)
    process = start(tmp_path, _NOTED, "-n", "2", "-p", "tests.plugins.sharing")
    output = finish(process)
    assert process.returncode == 0, output
    noted = {place.name: {*place.read_text().split()} for place in tmp_path.glob("noted-*")}
    assert set(noted) == {"noted-gw0", "noted-gw1"}
    first, second = noted.values()
    assert len(first) == len(second) == len(ServerName)
    assert not first & second


def test_several_processes_do_not_share_what_the_environment_gives(tmp_path: Path) -> None:
    process = start(tmp_path, _GIVEN, "-n", "2", DATABASE_URL="postgresql://given:1/x")
    assert "Several test processes cannot share the servers that the environment names" in finish(process)
    assert process.returncode not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}


def test_what_the_environment_gives_is_used_as_it_is(tmp_path: Path) -> None:
    process = start(tmp_path, _GIVEN, DATABASE_URL="postgresql://given:1/x")
    output = finish(process)
    assert process.returncode == 0, output
    assert "servers: fleet-postgres, broker, fleet-valkey" in output
