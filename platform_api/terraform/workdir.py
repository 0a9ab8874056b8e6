"""A run's private folder: what lies in it, how it is made, and what an earlier attempt may have left there."""

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from platform_api.core.errors import RefusedError, UnavailableError
from platform_api.terraform.cli import INPUTS, PLAN
from platform_api.terraform.digests import tree_digest
from platform_api.terraform.spec import RunSpec
from platform_api.terraform.state import StateUnreadableError, StateVersion
from platform_api.terraform.templates import TemplateDamagedError

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STATE = "terraform.tfstate"
# Where Terraform leaves states: the one it works on, the one it could not store, the one before its last apply.
_STATES = (_STATE, "errored.tfstate", "terraform.tfstate.backup")


class WorkdirBusyError(UnavailableError):
    """Terraform of an earlier attempt still works in the run's folder; it was told to stop when its worker died."""

    code = "workdir_busy"
    title = "An earlier attempt of this run is still ending"
    remedy = "Try again; it ends when what is in flight is done."


class DiskSpaceError(UnavailableError):
    """The worker's disk is full, or too full to begin."""

    code = "worker_disk_full"
    title = "The worker's disk has not enough room for a run"
    remedy = "Make room on the worker's disk; the run can be repeated afterwards."


class InputsUnusableError(RefusedError):
    """Variables hold what JSON or UTF-8 cannot carry."""

    code = "inputs_unusable"
    title = "The variables cannot be handed to Terraform"
    remedy = "Give finite numbers and texts of whole Unicode characters."


class Workdir:
    """One run's folder, mode 0700, and the names of what lies in it; every file in it may hold secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / _STATE
        self.plan = folder / PLAN
        self.inputs = folder / INPUTS
        self.imports = folder / "slipway_imports.tf.json"
        """What a plan takes over; beside the module, because Terraform knows no other place for it."""

        self.credentials = folder / "fleet.json"
        """Launched provider only."""

    @classmethod
    def make(cls, base: Path, spec: RunSpec, *, minimum_free_bytes: int) -> tuple[Self, StateVersion | None]:
        """Make the folder anew, whatever is there of an earlier attempt.

        1. See that nobody works there and that the disk has room.
        2. Collect a state newer than the stored one.
        3. Copy the template and measure the copy.
        4. Write variables, state and saved plan.

        Args:
            base: Where run folders are; made when missing.
            spec: What the run needs.
            minimum_free_bytes: What must be free on its disk to begin.

        Returns:
            The folder, and the state that was collected, which lies in the folder now; None if the stored one is
            the newest.

        Raises:
            DiskSpaceError, InputsUnusableError, TemplateDamagedError, WorkdirBusyError: See
                `platform_api.terraform.client.TerraformClient.prepare`.
            StateUnreadableError: The stored state is none.
        """
        if not _RUN_ID.fullmatch(spec.run_id):
            raise ValueError(f"{spec.run_id!r} cannot name a folder")
        inputs = _inputs(spec.variables)
        stored = None if spec.prior_state is None else StateVersion.parse(spec.prior_state)
        with _full_disk_named():
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            disk_space_check(base, minimum_free_bytes)
            workdir = cls(base.absolute() / spec.run_id)
            if workdir._is_busy():
                raise WorkdirBusyError
            # What is found may stand in no second place yet, so a whole new folder takes the old one's place, and
            # an attempt that died between the two is looked for too.
            fresh = cls(workdir.folder.with_name(f".{spec.run_id}.new"))
            recovered = newest_state(workdir.folder, stored)
            recovered = newest_state(fresh.folder, recovered or stored) or recovered
            fresh.remove()
            fresh._fill(spec, inputs, recovered or stored)
            workdir.remove()
            fresh.folder.rename(workdir.folder)
        return workdir, recovered

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of the folder, for the owner's eyes only from its first byte on."""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)

    def write_imports(self, imports: Mapping[str, str]) -> None:
        """Say what the next plan takes over: ids by address; nothing, if it is empty."""
        self.imports.unlink(missing_ok=True)
        if imports:
            blocks = [{"to": address, "id": _literal(value)} for address, value in imports.items()]
            self.write(self.imports, json.dumps({"import": blocks}).encode())

    def remove(self) -> None:
        """Remove the folder with all that is in it, also where a module took rights away from a part of it."""
        if not self.folder.is_dir():
            return
        self.folder.chmod(0o700)
        for parent, folders, _files in os.walk(self.folder):
            for folder in (Path(parent) / name for name in folders):
                if not folder.is_symlink():
                    folder.chmod(0o700)  # before the walk enters it
        shutil.rmtree(self.folder)

    def leave(self, stored: StateVersion | None) -> None:
        """Remove all but the states, for the next attempt on this host; with nothing new in them, them too."""
        if newest_state(self.folder, stored) is None:
            self.remove()
            return
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in _STATES:
                path.unlink()

    def _fill(self, spec: RunSpec, inputs: bytes, state: StateVersion | None) -> None:
        self.folder.mkdir(mode=0o700)
        # The copy is measured, not the original, which might change between a look and the copy.
        shutil.copytree(spec.template.folder, self.folder, symlinks=True, dirs_exist_ok=True)
        self.folder.chmod(0o700)
        if tree_digest(self.folder) != spec.template.digest:
            self.remove()
            raise TemplateDamagedError(f"{spec.template.folder} is not what was registered.")
        self.write(self.inputs, inputs)
        if state is not None:
            self.write(self.state, state.content)
        if spec.saved_plan is not None:
            self.write(self.plan, spec.saved_plan)

    def _is_busy(self) -> bool:
        """Whether a Terraform holds the state file, by the same kind of lock that it takes itself."""
        try:
            with self.state.open("r+b") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except (BlockingIOError, PermissionError):
            return True
        return False


def _literal(text: str) -> str:
    """Write a text so that Terraform's JSON syntax, which reads templates in strings, takes it as it is."""
    return text.replace("${", "$${").replace("%{", "%%{")


def newest_state(folder: Path, stored: StateVersion | None) -> StateVersion | None:
    """Find a state in a run's folder that is newer than the stored one.

    Looks at what Terraform worked on, at what it could not store (``errored.tfstate``) and at the one before. Torn
    files are passed over, and so is a history that is not the stored one's.

    Args:
        folder: A run's folder; may be missing.
        stored: The newest version that is stored; None if there is none.
    """
    newest = stored
    for name in _STATES:
        try:
            version = StateVersion.parse((folder / name).read_bytes())
        except (FileNotFoundError, NotADirectoryError, StateUnreadableError):
            continue
        if version.is_newer_than(newest):
            newest = version
    return None if newest is stored else newest


def disk_space_check(folder: Path, minimum_free_bytes: int) -> None:
    """See that a disk has room to begin a run; a worker also asks this before it claims one.

    Raises:
        DiskSpaceError: Less than that is free.
    """
    free = shutil.disk_usage(folder).free
    if free < minimum_free_bytes:
        raise DiskSpaceError(f"{free} bytes are free below {folder}; a run begins with {minimum_free_bytes}.")


def _inputs(variables: Mapping[str, Any]) -> bytes:
    """Write variables as JSON, which Terraform takes literally: nothing in a value is evaluated."""
    try:
        return json.dumps(dict(variables), allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        # The error's own words may quote the value.
        raise InputsUnusableError(f"They cannot be written as JSON ({type(error).__name__}).") from None


@contextlib.contextmanager
def _full_disk_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskSpaceError(f"Writing failed: {error.strerror}.") from None
        raise
