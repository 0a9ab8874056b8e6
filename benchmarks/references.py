"""Programs that the API is compared with: beside the stack, on its database server, under the same kind of server."""

import itertools
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.load import request_bytes
from benchmarks.raw import tables_make
from benchmarks.stack import Stack, waited
from platform_api.embedded.folder import CHECKOUT
from platform_api.embedded.ports import DEFAULT_RANGE, port_is_free, port_pick

_PLAIN = "bench_plain"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A program that answers.

    Attributes:
        port: Where.
        pid: Its first process; the others are below it.
        requests: What it is asked, again and again.
    """

    port: int
    pid: int
    requests: Iterator[bytes]


@contextmanager
def raw_run(stack: Stack) -> Iterator[Reference]:
    """Run R: three rows of one call in one transaction, on the product's own database and as its user."""
    tables_make(stack.setting("DATABASE_OWNER_URL"))
    environ = {"RAW_DATABASE_URL": stack.setting("DATABASE_URL")}
    with _granian("benchmarks.raw:application", environ, threads=4) as (port, pid):
        yield Reference(port=port, pid=pid, requests=_raw_requests())


def _raw_requests() -> Iterator[bytes]:
    while True:
        body = {"name": uuid.uuid4().hex, "parameters": {"connection_limit": 20}, "reason": "A measurement"}
        yield request_bytes("POST", "/", body=json.dumps(body).encode())


@contextmanager
def plain_run(stack: Stack) -> Iterator[Reference]:
    """Run the plain REST framework project, on a database of its own on the same server."""
    url = stack.superuser_url()
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_PLAIN)))
    environ = {"PLAIN_DATABASE_URL": make_conninfo(url, dbname=_PLAIN)}
    code = "import json; from benchmarks.plain import make; print(json.dumps(make()))"
    made = subprocess.run(
        (sys.executable, "-c", code),
        cwd=CHECKOUT,
        env={**_environ(), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    path, token = json.loads(made.stdout)
    with _granian("benchmarks.plain:application", environ, threads=64) as (port, pid):
        request = request_bytes("GET", path, token=token, scheme="Token")
        yield Reference(port=port, pid=pid, requests=itertools.repeat(request))


@contextmanager
def _granian(target: str, environ: Mapping[str, str], *, threads: int) -> Iterator[tuple[int, int]]:
    port = port_pick(DEFAULT_RANGE)
    program = subprocess.Popen(
        (
            *(sys.executable, "-m", "granian", "--interface", "wsgi", target, "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "2", "--blocking-threads", str(threads), "--no-ws"),
        ),
        cwd=CHECKOUT,
        env={**_environ(), **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        waited(lambda: not port_is_free(port), seconds=30)
        yield port, program.pid
    finally:
        program.terminate()
        program.wait(30)


def _environ() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
