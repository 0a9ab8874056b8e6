import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_api.process import commands
from platform_api.process.children import ProgramStartError, child_start
from platform_api.process.runner import run
from tests.unit.process.conftest import PythonCommand

REPORT = (
    "import os, sys\nprint(sorted(os.environ), os.getsid(0) == os.getpid(), sys.stdin.read() == '', oct(os.umask(0)))"
)


@pytest.fixture(autouse=True)
def _forget_setpriv() -> Iterator[None]:
    commands._setpriv.cache_clear()
    yield
    commands._setpriv.cache_clear()


def output_of(command: commands.Command) -> str:
    assert run(command, deadline_seconds=20, ladder=()).is_success
    return command.output.read_text()


def test_a_child_sees_only_the_environment_it_is_given(python: PythonCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "a secret")
    command = python(REPORT, environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "ONLY": "this"})
    assert output_of(command) == "['LC_ALL', 'ONLY', 'PATH'] True True 0o77\n"


def test_output_is_private_and_holds_both_streams(python: PythonCommand) -> None:
    command = python("import os; os.write(1, b'out '); os.write(2, b'err')")
    assert output_of(command) == "out err"
    assert command.output.stat().st_mode & 0o777 == 0o600


def test_descriptors_reach_the_child_only_when_passed(python: PythonCommand) -> None:
    read, write = os.pipe()
    try:
        code = "import os, sys\nprint(os.path.exists('/dev/fd/' + sys.argv[1]))"
        assert output_of(python(code, str(write), pass_fds=(write,))) == "True\n"
        assert output_of(python(code, str(write), output=python("").cwd / "second.log")) == "False\n"
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a parent-death signal")
@pytest.mark.parametrize("has_setpriv", [True, False])
def test_the_parent_death_signal_is_set(
    python: PythonCommand, monkeypatch: pytest.MonkeyPatch, *, has_setpriv: bool
) -> None:
    if has_setpriv and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    if not has_setpriv:
        monkeypatch.setattr(shutil, "which", lambda name, **_kwargs: None if name == "setpriv" else name)
    code = (
        "import ctypes\nnumber = ctypes.c_int()\n"
        "ctypes.CDLL(None).prctl(2, ctypes.byref(number))\n"  # PR_GET_PDEATHSIG
        "print(number.value)"
    )
    command = python(code, parent_death_signal=signal.SIGINT)
    assert output_of(command) == f"{int(signal.SIGINT)}\n"
    assert ("setpriv" in command.full_argv()[0]) is has_setpriv


def test_a_setpriv_that_lacks_the_option_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: PythonCommand
) -> None:
    (tmp_path / "setpriv").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "setpriv").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "launcher.py" in " ".join(python("pass").full_argv())


def test_the_signal_stands_after_the_wrapper_and_before_the_program(python: PythonCommand) -> None:
    command = python("pass", wrapper=("env", "--"))
    argv = command.full_argv()
    assert argv[:2] == ("env", "--")
    assert argv[-len(command.argv) :] == command.argv
    assert command.detached().full_argv() == ("env", "--", *command.argv)


def test_a_missing_program_is_named(python: PythonCommand) -> None:
    with pytest.raises(ProgramStartError, match="/nowhere/program is not there"):
        child_start(python("pass", argv=("/nowhere/program",)))


def test_a_missing_folder_is_named(python: PythonCommand, tmp_path: Path) -> None:
    with pytest.raises(ProgramStartError, match="absent"):
        child_start(python("pass", cwd=tmp_path / "absent"))
