"""How the demo logs in: an admin, a project and a token, made by the command that every installation begins with."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from platform_api.core.errors import FaultError
from platform_api.embedded.demo.stage import PROJECT
from platform_api.embedded.environment import caller_environment
from platform_api.embedded.folder import CHECKOUT, VARIABLE, StateFolder, private_write
from platform_api.embedded.logs import log_tail

USERNAME = "demo"
_BOUND_SECONDS = 120


class AccessError(FaultError):
    """The first user, project and token could not be made; the text quotes why."""

    code = "demo_access_failed"
    title = "The demo's user, project and token could not be made"
    remedy = "The text above says why; the logs of the stack may say more."


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who the demo is."""

    username: str
    # For the admin site; None when another folder's demo, or a person, made the user.
    password: str | None
    # For the API.
    token: str


def access_make(folder: StateFolder, environ: Mapping[str, str]) -> Access:
    """Make user, team, project and token with ``manage.py bootstrap``; what is there is kept.

    The password is known only when the user is made, so it is kept in a file for the demos that follow. The
    answer comes over a pipe and stands in no file, argument or variable.

    Raises:
        AccessError: The command failed.
    """
    names = ("--username", USERNAME, "--team", PROJECT, "--project", PROJECT)
    try:
        answer = subprocess.run(  # noqa: S603 - our own command line
            (sys.executable, "manage.py", "bootstrap", "--json", *names),
            cwd=CHECKOUT,
            env={**caller_environment(environ), VARIABLE: str(folder.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_BOUND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AccessError(f"manage.py bootstrap did not end within {_BOUND_SECONDS} s.") from error
    if answer.returncode != 0:
        raise AccessError(f"manage.py bootstrap failed:\n{log_tail(answer.stderr.splitlines())}")
    made = json.loads(answer.stdout)
    kept = folder.secrets / "demo_password"
    if made["password"] is not None:
        private_write(kept, made["password"] + "\n")
    password = kept.read_text(encoding="utf-8").strip() if kept.exists() else None
    return Access(username=made["username"], password=password, token=made["token"])
