"""Programs that make clients, judge their types, and order with them."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.client import Client

SECONDS = 240
"""More than the installation of a handful of packages takes on a slow machine."""


class ProgramError(Exception):
    """A program ended with another status than 0."""


def run(*argv: object, folder: Path, environ: Mapping[str, str] | None = None, given: str = "") -> str:
    """Run a program, and return what it wrote.

    Args:
        *argv: The program and its arguments.
        folder: Where it works.
        environ: What it finds in its environment, besides the path.
        given: What it reads; a token goes this way, which nobody else can look at.

    Raises:
        ProgramError: Holds what it wrote.
    """
    home = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [str(each) for each in argv],
        cwd=folder,
        env={**home, **(environ or {})},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode:
        msg = f"{argv[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        raise ProgramError(msg)
    return done.stdout


def task(client: Client, name: str) -> str:
    """Return what a program is told to order: where, with which token, in which project, under which name."""
    base = str(client.http.base_url).removesuffix("/api/v1/")
    token = client.http.headers["Authorization"].removeprefix("Bearer ")
    return json.dumps({"url": base, "token": token, "project": client.project, "name": name})


def outcome(text: str) -> dict[str, Any]:
    """Return what a program says that came of its order."""
    found: dict[str, Any] = json.loads(text)
    return found


EXPECTED = {
    "ordered": "completed",
    "was": "ready",
    "parameters": {"connection_limit": 7, "statement_timeout_seconds": 60},
    "has_credentials": True,
    "given_back": "completed",
    "is": "deprovisioned",
}
"""What comes of an order that went well."""
