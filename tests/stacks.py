"""A local stack in a folder of its own, driven through its command line as a person would."""

import os
import subprocess
from pathlib import Path

from platform_api.embedded.environment import environment_read
from platform_api.embedded.folder import CHECKOUT, StateFolder
from platform_api.embedded.leftovers import leftovers_find
from platform_api.embedded.state import State, state_load
from platform_api.embedded.status import WELL, StackStatus
from platform_api.process.identity import ProcessIdentity, processes_end
from tests.waiting import wait_until


class Stack:
    """The folder, the command line, and what can be seen of both.

    Attributes:
        program: What runs the stack's command line.
        environ: The whole environment of the commands.
    """

    def __init__(self, path: Path, *, program: tuple[str, ...], **settings: str) -> None:
        self.folder = StateFolder(path)
        self.program = program
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(path.parent),
            "SLIPWAY_STATE_DIR": str(path),
            "SLIPWAY_PORT_RANGE": "20000-29999",
            **settings,
        }

    def cli(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return self.run(*self.program, *arguments, **settings)

    def run(self, *argv: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run any program as a person who works with this stack would."""
        return subprocess.run(
            argv,
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
