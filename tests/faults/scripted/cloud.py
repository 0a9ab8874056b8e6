"""A cloud in a folder: objects known by kind and name, each with its owner's mark, and a journal of all that was done.

Standard library only, and little of it: the scripted Terraform is started for each command of each run.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

Json = dict[str, Any]
_PACE: Json = {"plan": 0.0, "step": 0.05, "slow": {}}


class TakenError(Exception):
    """An object of that name is somebody else's."""


class Cloud:
    """The folder; any number of processes may use it at once.

    Effects are journaled under the lock that they are done under, so the journal's order is the order of what happened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects_folder = folder / "objects"
        self.orders = folder / "orders"
        self.journal = folder / "journal"

    def make(self) -> None:
        """Make an empty cloud."""
        for each in (self.folder, self.objects_folder, self.orders):
            each.mkdir(parents=True, exist_ok=True)
        self.journal.touch()
        (self.folder / "lock").touch()

    def create(self, kind: str, name: str, *, mark: str, attributes: Json, by: Json) -> None:
        """Make an object, or take over the one of this mark.

        Raises:
            TakenError: There is one of another mark.
        """
        with self._locked():
            before = self.find(kind, name)
            if before is not None and before["mark"] != mark:
                raise TakenError
            self._put(kind, name, {"mark": mark, "attributes": attributes})
            effect = "create" if before is None else "adopt"
            self._note({**by, "effect": effect, "kind": kind, "name": name, "mark": mark})

    def update(self, kind: str, name: str, *, attributes: Json, by: Json) -> None:
        """Change an object; one that is gone is made again by nobody."""
        with self._locked():
            before = self.find(kind, name)
            if before is not None:
                self._put(kind, name, {**before, "attributes": attributes})
                self._note({**by, "effect": "update", "kind": kind, "name": name, "mark": before["mark"]})

    def delete(self, kind: str, name: str, *, by: Json) -> None:
        """Remove an object, if it is there."""
        with self._locked():
            before = self.find(kind, name)
            if before is not None:
                self._path(kind, name).unlink()
                self._note({**by, "effect": "delete", "kind": kind, "name": name, "mark": before["mark"]})

    def find(self, kind: str, name: str) -> Json | None:
        """Return an object, or None."""
        try:
            found: Json = json.loads(self._path(kind, name).read_bytes())
        except FileNotFoundError:
            return None
        return found

    def objects(self) -> dict[tuple[str, str], Json]:
        """Return all objects by kind and name."""
        with self._locked():
            return {
                (path.stem.partition("--")[0], path.stem.partition("--")[2]): json.loads(path.read_bytes())
                for path in self.objects_folder.glob("*.json")
            }

    def note(self, entry: Json) -> None:
        """Write down what is no effect: that a command began or ended."""
        with self._locked():
            self._note(entry)

    def entries(self) -> list[Json]:
        """Return the journal."""
        with self._locked():
            return [json.loads(line) for line in self.journal.read_text(encoding="utf-8").splitlines()]

    def pace(self, name: str) -> Json:
        """Return how many seconds a plan and each step of a run take; steps of a name may be slowed down."""
        try:
            told: Json = json.loads((self.folder / "pace").read_bytes())
        except (FileNotFoundError, ValueError):
            told = {}
        pace = {**_PACE, **told}
        slow = [seconds for part, seconds in pace["slow"].items() if part in name]
        return {**pace, "step": max(slow, default=pace["step"])}

    def pace_set(self, **pace: Any) -> None:
        """Say how long things take from now on."""
        fresh = self.folder / ".pace"
        fresh.write_text(json.dumps(pace), encoding="utf-8")
        fresh.replace(self.folder / "pace")

    def order(self, fault: str) -> None:
        """Have the next apply that comes to a point in its middle crash, hang or run out of disk."""
        (self.orders / fault).touch()

    def ordered(self, fault: str) -> bool:
        """Take such an order, if there is one; of several processes one gets it."""
        with suppress(FileNotFoundError):
            (self.orders / fault).unlink()
            return True
        return False

    def _put(self, kind: str, name: str, content: Json) -> None:
        fresh = self.objects_folder / f".{kind}--{name}.{os.getpid()}"
        fresh.write_text(json.dumps(content), encoding="utf-8")
        fresh.replace(self._path(kind, name))

    def _path(self, kind: str, name: str) -> Path:
        return self.objects_folder / f"{kind}--{name}.json"

    def _note(self, entry: Json) -> None:
        line = json.dumps({"at": time.time(), "pid": os.getpid(), **entry}) + "\n"
        handle = os.open(self.journal, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
