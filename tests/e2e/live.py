"""The whole stack as the tests see it: its processes, its servers, its tenants."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from platform_api.core.ids import Prefix, parse
from platform_api.core.sealing import KeyRing
from platform_api.embedded.environment import application_environment, environment_read
from platform_api.embedded.folder import CHECKOUT
from platform_api.embedded.parts import PLAN
from platform_api.embedded.ports import DEFAULT_RANGE, HOST, port_pick
from platform_api.embedded.postgres import SUPERUSER
from platform_api.process.identity import ProcessIdentity, descendants
from tests.e2e.client import Client, Json
from tests.stacks import Stack
from tests.waiting import wait_until

MANAGE = (sys.executable, str(CHECKOUT / "manage.py"))
LEASE_SECONDS = 4
Connection = psycopg.Connection[tuple[Any, ...]]


class LiveStack(Stack):
    """A stack with all its parts, and a developer in each of some projects.

    Attributes:
        clients: A client for each project's developer, by the project's slug.
    """

    clients: dict[str, Client]

    def settle(self, *projects: str) -> None:
        """Make projects, each of a team and with a developer of its own; ``NAME=POINTS`` limits what one may hold."""
        answer = self.run(sys.executable, "-m", "tests.e2e.newcomers", *projects)
        assert answer.returncode == 0, answer.stderr
        tokens: dict[str, str] = json.loads(answer.stdout)
        api_url = self.state.api_url
        assert api_url is not None
        self.clients = {name: Client.of(api_url=api_url, project=name, token=token) for name, token in tokens.items()}

    def manage(self, *arguments: str) -> str:
        """Run a management command, and return what it said."""
        answer = self.run(*MANAGE, *arguments)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def control(self) -> Connection:
        """Connect to Slipway's own database as the owner of its tables."""
        return psycopg.connect(self.url("DATABASE_OWNER_URL"), autocommit=True)

    def fleet(self) -> Connection:
        """Connect to the server that databases are ordered on, as its superuser."""
        password = (self.folder.secrets / "fleet-postgres").read_text().strip()
        return psycopg.connect(
            host=HOST,
            port=self.state.ports["fleet-postgres"],
            user=SUPERUSER,
            password=password,
            dbname=SUPERUSER,
            autocommit=True,
        )

    def fleet_has(self, name: str) -> tuple[bool, bool]:
        """Tell whether there are a role and a database of this name."""
        query = """
            SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(name)s),
                   EXISTS (SELECT FROM pg_database WHERE datname = %(name)s)
        """
        with self.fleet() as fleet:
            row = fleet.execute(query, {"name": name}).fetchone()
        assert row is not None
        return row[0], row[1]

    def keys(self) -> KeyRing:
        """Return the installation's sealing keys."""
        return KeyRing.from_text(self.url("SLIPWAY_SEALING_KEYS"))

    def physical_name(self, request: Json) -> str:
        """Return what a request's resource is called on its server, also before it is there."""
        with self.control() as control:
            row = control.execute(
                "SELECT physical_name FROM resource WHERE id = %s", [uuid_of(Prefix.RESOURCE, request["resource"])]
            ).fetchone()
        assert row is not None
        return str(row[0])

    def run_uuid(self, request: Json) -> uuid.UUID:
        """Return the database's form of the id of a request's run."""
        return uuid_of(Prefix.RUN, request["run"])

    def family(self, part: str) -> list[ProcessIdentity]:
        """List a part's process and all below it."""
        process = self.process(part)
        return [process, *descendants(process.pid)]

    def kill(self, part: str) -> None:
        """Kill a part's own process, without a warning; what is below it is left to find its end."""
        process = self.process(part)
        assert process.send(signal.SIGKILL), f"{part} was not running"
        wait_until(lambda: not process.is_alive())

    @contextmanager
    def beside(self, name: str) -> Iterator[ProcessIdentity]:
        """Start one more of a part beside the stack's own, as a rolling restart does; it is killed afterwards."""
        (part,) = (part for part in PLAN.parts if part.name == name)
        entries = environment_read(self.folder)
        environ = application_environment(
            self.environ, entries=entries, folder=self.folder, stack=self.state.stack, is_owner=False
        )
        with (self.folder.path / "logs" / f"{name}-beside.log").open("ab") as log:
            program = subprocess.Popen(
                part.argv, cwd=CHECKOUT, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        identity = ProcessIdentity.of(program.pid)
        assert identity is not None
        try:
            yield identity
        finally:
            program.kill()
            program.wait()

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """Stop a part and all below it; it goes on afterwards."""
        processes = self.family(part)
        for process in processes:
            process.send(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send(signal.SIGCONT)


@contextmanager
def stack_running(*projects: str, **settings: str) -> Iterator[LiveStack]:
    """Start the real stack with everything in it and some projects; nothing of it is left afterwards.

    Args:
        projects: What is made before anybody calls.
        settings: Variables of its environment.
    """
    # A short path: a unix socket's address, which lies below, holds a hundred bytes only.
    home = Path(tempfile.mkdtemp(prefix="slw-"))
    settings = settings | {
        "SLIPWAY_API_PORT": str(port_pick(DEFAULT_RANGE)),
        "SLIPWAY_LEASE_SECONDS": str(LEASE_SECONDS),
        **{f"SLIPWAY_QUOTA_{scope}_{kind}": "100" for scope in ("PROJECT", "TEAM") for kind in ("POINTS", "COUNT")},
    }
    stack = LiveStack(home / "s", program=MANAGE, **settings)
    try:
        stack.up()
        stack.settle(*projects)
        yield stack
        for client in stack.clients.values():
            client.http.close()
        stack.down()
        assert stack.processes == []
    finally:
        stack.end()
        shutil.rmtree(home)


def uuid_of(prefix: Prefix, shown: Json) -> uuid.UUID:
    """Return the database's form of an object's id."""
    return parse(prefix, shown["id"])
