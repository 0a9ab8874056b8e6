"""A stack of a benchmark's own, in a folder that is gone afterwards, and a client of its API."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.figures import command_of, cpu_ms, family
from platform_api.embedded.demo.access import access_make
from platform_api.embedded.demo.stage import PROJECT
from platform_api.embedded.environment import secret_read
from platform_api.embedded.folder import CHECKOUT, StateFolder
from platform_api.embedded.parts import API
from platform_api.embedded.ports import DEFAULT_RANGE, port_pick
from platform_api.embedded.postgres import SUPERUSER
from platform_api.embedded.state import State, state_load
from platform_api.process.table import process_row
from provisioning.states import FINAL_REQUEST

POLL_SECONDS = 0.02
_FINAL_SECONDS = 120
_MANY = "1000000"
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A running stack and a project's admin in it."""

    folder: StateFolder
    http: httpx.Client
    environ: Mapping[str, str]
    """What commands of this stack are started with."""

    @property
    def address(self) -> str:
        """Where it answers."""
        return str(self.state.api_url)

    @property
    def port(self) -> int:
        """The port of the API."""
        return self.state.ports[API]

    @property
    def state(self) -> State:
        """What the supervisor wrote down."""
        return state_load(self.folder)

    def setting(self, name: str) -> str:
        """Return one of the stack's secret settings, e.g. ``REDIS_URL``."""
        value = secret_read(name, {}, folder=self.folder)
        if value is None:
            msg = f"the stack has no {name}"
            raise RuntimeError(msg)
        return value

    def pid(self, part: str) -> int:
        """Return the process of a part or server."""
        process = self.state.parts[part].process
        if process is None:
            msg = f"{part} does not run"
            raise RuntimeError(msg)
        return process.pid

    def control(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect to Slipway's database, to read what a benchmark cannot ask the API for."""
        return psycopg.connect(self.setting("DATABASE_URL"), autocommit=True, options="-c slipway.scope=all")

    def superuser_url(self) -> str:
        """Return the address of Slipway's database server for its superuser; secret."""
        password = (self.folder.secrets / "control-postgres").read_text(encoding="utf-8").strip()
        return make_conninfo(self.setting("DATABASE_URL"), user=SUPERUSER, password=password)

    def order(self, name: str) -> Json:
        """Order a small database."""
        body = {
            "operation": "provision",
            "offering": "postgres-database",
            "plan": "small",
            "project": PROJECT,
            "name": name,
            "reason": "A measurement",
        }
        return self._accepted(self.http.post("requests", json=body, headers={"Idempotency-Key": f'"{uuid.uuid4()}"'}))

    def give_back(self, request: Json) -> Json:
        """Deprovision what was ordered."""
        resource = request["resource"]
        return self._accepted(self.http.delete(f"resources/{resource['id']}", params={"confirm": resource["name"]}))

    def get(self, path: str) -> Json:
        """Read an object."""
        answer = self.http.get(path).raise_for_status()
        found: Json = answer.json()
        return found

    def read(self, path: str, token: str) -> Json:
        """Read an object as somebody else."""
        answer = self.http.get(path, headers={"Authorization": f"Bearer {token}"}).raise_for_status()
        found: Json = answer.json()
        return found

    def wait(self, request: Json, *, poll_seconds: float = POLL_SECONDS) -> Json:
        """Wait until a request is completed.

        Raises:
            RuntimeError: It failed, or took longer than two minutes.
        """
        deadline = time.monotonic() + _FINAL_SECONDS
        while (found := self.get(f"requests/{request['id']}"))["status"] not in FINAL_REQUEST:
            if time.monotonic() > deadline:
                msg = f"not final after {_FINAL_SECONDS} s: {found}"
                raise RuntimeError(msg)
            time.sleep(poll_seconds)
        if found["status"] != "completed":
            msg = f"{found['status']}: {found['failure']}"
            raise RuntimeError(msg)
        return found

    def cpu(self) -> dict[str, float]:
        """Return the CPU time so far, in milliseconds, of each part, and of Terraform below the worker.

        ``worker`` is Celery's own processes; ``terraform`` what they have waited for. Providers are forked by a zygote
        that nobody waits for, and are not in it.
        """
        celery = self.pid("worker")
        rows = [row for row in map(process_row, family(celery)) if row is not None and row.parent == celery]
        pool = [row.pid for row in rows if "zygote" not in command_of(row.pid)]
        own = cpu_ms([celery, *pool], with_children=False)
        parts = ("api", "dispatcher", "policy", "control-postgres", "broker")
        measured = {part: cpu_ms(family(self.pid(part)), with_children=True) for part in parts}
        return {
            **measured,
            "worker": own,
            "terraform": cpu_ms(pool, with_children=True) - cpu_ms(pool, with_children=False),
        }

    @staticmethod
    def _accepted(answer: httpx.Response) -> Json:
        if answer.status_code != httpx.codes.ACCEPTED:
            msg = f"not accepted: {answer.status_code} {answer.text}"
            raise RuntimeError(msg)
        body: Json = answer.json()
        return body


@contextmanager
def stack_run(**settings: str) -> Iterator[Stack]:
    """Start a stack with quotas that are never in the way, and end it with all that it made.

    Args:
        **settings: Further variables of its environment.
    """
    # A short path: a unix socket's address, which lies below, holds a hundred bytes only.
    home = Path(tempfile.mkdtemp(prefix="slb-"))
    environ = {
        **{name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_URL_FILE"))},
        "SLIPWAY_STATE_DIR": str(home / "s"),
        "SLIPWAY_API_PORT": str(port_pick(DEFAULT_RANGE)),
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        **{f"SLIPWAY_QUOTA_{scope}_{kind}": _MANY for scope in ("PROJECT", "TEAM") for kind in ("POINTS", "COUNT")},
        # Counted as ever, and never too many.
        **{f"SLIPWAY_RATE_{kind}": _MANY for kind in ("READ", "READ_BURST", "WRITE", "WRITE_BURST")},
        **settings,
    }
    folder = StateFolder(home / "s")
    try:
        _manage("up", "--detach", environ=environ)
        access = access_make(folder, environ)
        headers = {"Authorization": f"Bearer {access.token}"}
        url = f"{state_load(folder).api_url}/api/v1/"
        with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as http:
            yield Stack(folder=folder, http=http, environ=environ)
    finally:
        _manage("down", environ=environ)
        shutil.rmtree(home)


def waited(look: Callable[[], bool], *, seconds: float = _FINAL_SECONDS) -> None:
    """Look every millisecond until something is so.

    Raises:
        RuntimeError: It is not, after that many seconds.
    """
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            msg = f"not so after {seconds} s"
            raise RuntimeError(msg)
        time.sleep(0.001)


def _manage(*arguments: str, environ: dict[str, str]) -> None:
    answer = subprocess.run(
        (sys.executable, "manage.py", *arguments),
        cwd=CHECKOUT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if answer.returncode != 0:
        msg = f"manage.py {arguments[0]} failed:\n{answer.stdout}{answer.stderr}"
        raise RuntimeError(msg)
