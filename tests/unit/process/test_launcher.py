"""The launcher that stands between: its program ends as if it were alone, and is told once of a death."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_api.embedded.folder import CHECKOUT
from platform_api.process import commands
from platform_api.process.children import child_start
from platform_api.process.identity import ProcessIdentity
from tests.unit.process.conftest import PythonCommand
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a parent-death signal"),
    pytest.mark.usefixtures("stands_between"),
]


@pytest.fixture(params=["between.sh", "launcher.py"])
def stands_between(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a shell or Python stand between; returns the name of the script."""
    script: str = request.param
    if script == "launcher.py":
        monkeypatch.setattr(commands, "_between", lambda _number: ())
    elif not commands._between(signal.SIGINT):
        pytest.skip("setpriv or env --default-signal is missing")
    return script


# Says what it hears; ends after the second interrupt, or when it is asked to terminate.
LISTENER = """
import os, signal, sys
heard = []
def hear(number, _):
    heard.append(number)
    print("heard", number, flush=True)
    if len(heard) == 2: os._exit(2)
signal.signal(signal.SIGINT, hear)
signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
print("pid", os.getpid(), flush=True)
while True: signal.pause()
"""

# A process with many threads that starts the listener, and dies of SIGKILL when it can be heard.
MORTAL = """
import os, signal, sys, threading, time
from pathlib import Path
from platform_api.process import commands
from platform_api.process.children import child_start
from platform_api.process.commands import Command
if sys.argv[3] == "launcher.py": commands._between = lambda _number: ()
output = Path(sys.argv[1])
for _ in range(32): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
child_start(Command(argv=(sys.executable, "-IS", "-c", sys.argv[2]), cwd=output.parent, environment={},
                    output=output, parent_death_signal=signal.SIGINT, is_told_once=True))
while not (output.exists() and output.read_text().endswith("\\n")): time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_parent_with_many_threads_that_is_killed_is_heard_of_once(tmp_path: Path, stands_between: str) -> None:
    output = tmp_path / "output.log"
    parent = subprocess.run(
        (sys.executable, "-c", MORTAL, str(output), LISTENER, stands_between), cwd=CHECKOUT, timeout=60, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    wait_until(lambda: "heard" in output.read_text())
    listener = ProcessIdentity.of(int(output.read_text().split()[1]))
    assert listener is not None

    listener.send(signal.SIGTERM)
    wait_until(lambda: not listener.is_alive())

    assert output.read_text().count(f"heard {int(signal.SIGINT)}\n") == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; os.kill(os.getpid(), 15)", -15),
        ("import os; os.kill(os.getpid(), 2)", -2),
    ],
)
def test_a_program_behind_it_ends_with_its_own_status(python: PythonCommand, code: str, status: int) -> None:
    child = child_start(python(code, is_told_once=True))
    child.wait_exit(10)
    assert child.reap() == status


def test_a_signal_sent_to_it_reaches_the_program(python: PythonCommand) -> None:
    command = python(LISTENER, is_told_once=True)
    child = child_start(command)
    try:
        wait_until(lambda: "pid" in command.output.read_text())
        child.send(signal.SIGINT)
        wait_until(lambda: "heard" in command.output.read_text())
        child.send(signal.SIGTERM)
        assert child.wait_exit(10)
    finally:
        assert child.reap() == 5


@pytest.fixture
def deaf() -> Iterator[None]:
    """Be as deaf as a pool child of Celery, or what was started by nohup; children inherit it."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("deaf")
def test_a_signal_reaches_the_program_although_the_parent_is_deaf_to_it(python: PythonCommand) -> None:
    test_a_signal_sent_to_it_reaches_the_program(python)


@pytest.mark.usefixtures("deaf")
def test_a_program_is_not_deaf_because_the_parent_is(python: PythonCommand) -> None:
    test_a_program_behind_it_ends_with_its_own_status(python, "import os; os.kill(os.getpid(), 2)", -2)


def test_a_program_that_cannot_be_run_is_named(python: PythonCommand, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("no program")
    script.chmod(0o700)
    (tmp_path / "dangling").symlink_to(script)
    command = python("", argv=(str(tmp_path / "dangling"),), is_told_once=True)
    child = child_start(command)
    child.wait_exit(10)
    assert child.reap() == 127
    assert f"{tmp_path / 'dangling'}: " in command.output.read_text()
    assert os.access(script, os.X_OK)
