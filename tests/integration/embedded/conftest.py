import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from platform_api.embedded.environment import environment_read
from platform_api.embedded.folder import CHECKOUT, StateFolder
from platform_api.embedded.leftovers import leftovers_find
from platform_api.embedded.state import State, state_load
from platform_api.embedded.status import WELL, StackStatus
from platform_api.process.identity import ProcessIdentity, processes_end
from tests.waiting import wait_until

PROGRAM = (sys.executable, "-m", "tests.integration.embedded.program")


class Stack:
    """A stack in a folder of its own, driven through its command line as a person would."""

    def __init__(self, path: Path) -> None:
        self.folder = StateFolder(path)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(path.parent),
            "SLIPWAY_STATE_DIR": str(path),
            "SLIPWAY_PORT_RANGE": "20000-29999",
        }

    def cli(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*PROGRAM, *arguments),
            cwd=CHECKOUT,
            env={**self.environ, **settings},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def up(self, *arguments: str, **settings: str) -> str:
        answer = self.cli("up", "--detach", *arguments, **settings)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def down(self) -> None:
        answer = self.cli("down")
        assert answer.returncode == 0, answer.stdout + answer.stderr

    @property
    def state(self) -> State:
        return state_load(self.folder)

    def process(self, name: str) -> ProcessIdentity:
        process = self.supervisor if name == "supervisor" else self.state.parts[name].process
        assert process is not None
        return process

    @property
    def supervisor(self) -> ProcessIdentity:
        assert self.state.supervisor is not None
        return self.state.supervisor

    @property
    def processes(self) -> list[ProcessIdentity]:
        """Everything alive that bears this stack's mark, or stands in one of its clusters."""
        servers, others = leftovers_find(self.state, self.folder)
        return [*servers, *others]

    def url(self, name: str) -> str:
        return Path(environment_read(self.folder)[f"{name}_FILE"]).read_text().strip()

    def wait_ready(self) -> None:
        wait_until(lambda: StackStatus.of(self.folder).exit_code == WELL, seconds=40)

    def end(self) -> None:
        """For after a failed test: end everything, whatever state it is in."""
        supervisor = self.state.supervisor
        remains = ([supervisor] if supervisor is not None else []) + self.processes
        processes_end(remains, ())


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "state")
    yield stack
    stack.end()


@pytest.fixture(scope="module")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack with all its parts, for tests that only look at it."""
    stack = Stack(tmp_path_factory.mktemp("whole") / "state")
    try:
        stack.up()
        yield stack
    finally:
        stack.end()
        shutil.rmtree(stack.folder.path)


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=5)
