"""``python -m platform_api.embedded.containers.secrets FOLDER``: make the secrets that docker-compose.yml names.

What is there is kept, so it may be run again after an upgrade. It needs Python 3.11 and nothing else.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platform_api.core.errors import ConflictError, SlipwayError
from platform_api.embedded.folder import private_write
from platform_api.embedded.secret_files import password_make, scram_verifier, sealing_keys_make, valkey_users

# May ask whether the server answers, and nothing else: a health check needs no secret then.
_HEALTH_USER = "user health on nopass resetchannels -@all +ping\n"


class HalfMadeError(ConflictError):
    """Of files that belong together some are missing; made anew, they would not fit the others."""

    code = "secrets_half_made"
    title = "Some of the secrets that belong together are missing"
    remedy = "Bring them back from a backup; or remove the others too, if no server was ever started with them."


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Files that are made together."""

    names: tuple[str, ...]
    # Gives a text for each name.
    make: Callable[[], tuple[str, ...]]


def _role(role: str, *, host: str, database: str) -> Callable[[], tuple[str, ...]]:
    """Make an address with a password for the service, and what the server needs to check that password."""

    def make() -> tuple[str, ...]:
        password = password_make()
        return f"postgresql://{role}:{password}@{host}:5432/{database}", scram_verifier(password)

    return make


def _administrator(user: str, *, host: str) -> Callable[[], tuple[str, ...]]:
    """Make an address with a password for the service, and the server's first list of users."""

    def make() -> tuple[str, ...]:
        password = password_make()
        return f"redis://{user}:{password}@{host}:6379/0", valkey_users(user, password) + _HEALTH_USER

    return make


BUNDLES = (
    Bundle(names=("secret_key",), make=lambda: (password_make() + password_make(),)),
    Bundle(names=("sealing_keys",), make=lambda: (sealing_keys_make(),)),
    Bundle(names=("db_superuser_password",), make=lambda: (password_make(),)),
    Bundle(
        names=("database_owner_url", "db_owner_verifier"), make=_role("slipway_owner", host="db", database="slipway")
    ),
    Bundle(names=("database_url", "db_app_verifier"), make=_role("slipway_app", host="db", database="slipway")),
    Bundle(names=("redis_url", "redis_users"), make=_administrator("default", host="redis")),
    Bundle(names=("fleet_db_superuser_password",), make=lambda: (password_make(),)),
    Bundle(
        names=("fleet_database_url", "fleet_db_admin_verifier"),
        make=_role("fleet_admin", host="fleet-db", database="postgres"),
    ),
    Bundle(names=("fleet_valkey_url", "fleet_valkey_users"), make=_administrator("fleet_admin", host="fleet-valkey")),
)


def secrets_make(folder: Path) -> list[str]:
    """Make what is missing.

    The folder is closed to everybody but its owner. The files in it are not: inside a container they are read by
    users of its own, with other numbers than the owner's.

    Args:
        folder: Where to; made when missing.

    Returns:
        Names of the files that were made.

    Raises:
        HalfMadeError: A file is missing whose companion is there.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    made: list[str] = []
    for bundle in BUNDLES:
        there = [name for name in bundle.names if (folder / name).exists()]
        if there and len(there) < len(bundle.names):
            missing = ", ".join(name for name in bundle.names if name not in there)
            raise HalfMadeError(f"In {folder} there is {', '.join(there)}, and no {missing}.")
        if there:
            continue
        for name, text in zip(bundle.names, bundle.make(), strict=True):
            private_write(folder / name, text if text.endswith("\n") else text + "\n")
            (folder / name).chmod(0o444)
            made.append(name)
    return made


def main(arguments: list[str]) -> int:
    """Make them in the one folder given; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m platform_api.embedded.containers.secrets FOLDER\n")
        return 2
    folder = Path(arguments[0])
    try:
        made = secrets_make(folder)
    except SlipwayError as error:
        sys.stderr.write(f"{error.detail}\n{error.remedy}\n")
        return 1
    sys.stdout.write(f"made in {folder}: {', '.join(made)}\n" if made else f"all secrets are in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
