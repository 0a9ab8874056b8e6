"""Find a program: where a variable says, else on PATH, new enough, or say exactly what is missing."""

import errno
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from platform_api.core.errors import UnavailableError

_VERSION = re.compile(r"\d+(?:\.\d+)*")
_VERSION_SECONDS = 20
_BUSY_SECONDS = 2


class ProgramMissingError(UnavailableError):
    """A program is missing or too old; the text says what to install and everywhere that was looked."""

    code = "program_missing"
    title = "A program that is needed was not found"


@dataclass(frozen=True, kw_only=True)
class ProgramSearch:
    """What to look for, and where."""

    # What a person calls it.
    title: str
    # The environment variable that names the program's file and wins over all else.
    variable: str
    # File names to look for on PATH, the preferred one first.
    names: tuple[str, ...]
    # The oldest version that will do, as numbers: (1, 10).
    minimum: tuple[int, ...]
    # What to do when it is missing, as a sentence.
    install: str
    # How it is asked for its version; the first number of its answer counts.
    version_arguments: tuple[str, ...] = ("--version",)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that was found, and asked for its version."""

    path: Path
    version: tuple[int, ...]


TERRAFORM = ProgramSearch(
    title="Terraform or OpenTofu",
    variable="TERRAFORM_BIN",
    names=("terraform", "tofu"),
    minimum=(1, 10),
    install="Install Terraform or OpenTofu 1.10 or newer",
    version_arguments=("version",),
)


def terraform_find(environ: Mapping[str, str] = os.environ) -> Program:
    """Find Terraform (or OpenTofu), 1.10 or newer.

    Raises:
        ProgramMissingError: There is none.
    """
    return program_find(TERRAFORM, environ)


def program_find(
    search: ProgramSearch,
    environ: Mapping[str, str] = os.environ,
    *,
    known: Mapping[str, Path | None] = MappingProxyType({}),
    spare: Mapping[str, Path | None] = MappingProxyType({}),
) -> Program:
    """Find a program by its variable, else at a known place, else by its names on PATH, else at a spare place.

    Args:
        search: What to look for.
        environ: Where the variable and PATH are read from.
        known: Places that come before PATH: what a person calls the place, and the file there, if any.
        spare: Places that come after it, likewise.

    Raises:
        ProgramMissingError: Nothing was found that runs and is new enough. A variable that is set is
            believed: when it names the wrong file, PATH is not searched.
    """
    if named := environ.get(search.variable):
        found, reason = _judge(search, Path(named))
        looked = [f"{search.variable}={named}: {reason}"]
    else:
        path = environ.get("PATH", os.defpath)
        on_path = {f"{name} on PATH ({path})": shutil.which(name, path=path) for name in search.names}
        found, looked = _search(search, {**known, **on_path, **spare})
    if found is None:
        raise ProgramMissingError(
            f"{search.title} {_dotted(search.minimum)} or newer was not found. Looked at: {'; '.join(looked)}.",
            remedy=f"{search.install}, or set {search.variable} to its file.",
        )
    return found


def _search(search: ProgramSearch, places: Mapping[str, Path | str | None]) -> tuple[Program | None, list[str]]:
    looked = []
    for place, file in places.items():
        if file is None:
            looked.append(f"{place}: not there")
            continue
        found, reason = _judge(search, Path(file))
        if found is not None:
            return found, looked
        looked.append(f"{file}: {reason}")
    return None, looked


def _judge(search: ProgramSearch, file: Path) -> tuple[Program | None, str]:
    """Ask a file for its version; gives the program, or the reason why it will not do."""
    try:
        answer = _ask((str(file), *search.version_arguments))
    except FileNotFoundError:
        return None, "not there"
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"does not run ({error})"
    match = _VERSION.search(answer.stdout)
    if answer.returncode != 0 or match is None:
        return None, f"did not tell its version (status {answer.returncode})"
    version = tuple(int(number) for number in match.group().split("."))
    if version < search.minimum:
        return None, f"is {_dotted(version)}"
    return Program(path=file, version=version), ""


def _ask(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "CHECKPOINT_DISABLE": "1",  # Terraform would ask its maker's server for news
        "TF_CLI_CONFIG_FILE": os.devnull,
    }
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return subprocess.run(  # noqa: S603 - the operator names the file
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_VERSION_SECONDS,
                check=False,
            )
        except OSError as error:
            # What was only just written may for a moment be open in a child that another thread is starting.
            if error.errno != errno.ETXTBSY or time.monotonic() >= until:
                raise
            time.sleep(0.01)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
