"""The state folder: where everything of one local stack lives, readable by its owner alone."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platform_api.core.errors import UnavailableError

CHECKOUT = Path(__file__).resolve().parents[2]
VARIABLE = "SLIPWAY_STATE_DIR"


class StateFolderError(UnavailableError):
    """The state folder cannot be made or written; the text names it and the system's reason."""

    code = "state_folder_unusable"
    title = "The state folder of the local stack cannot be used"
    remedy = f"Set {VARIABLE} to a folder that you own."


@dataclass(frozen=True)
class StateFolder:
    """Names the files of one stack; what is inside belongs to nobody else."""

    path: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "StateFolder":
        """Take the folder that ``SLIPWAY_STATE_DIR`` names, else ``.slipway`` in the checkout."""
        named = environ.get(VARIABLE)
        return cls(Path(named).expanduser().absolute() if named else CHECKOUT / ".slipway")

    @property
    def state(self) -> Path:
        """What runs and where, as JSON."""
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor that may run."""
        return self.path / "lock"

    @property
    def demo_lock(self) -> Path:
        """Held by the one demo that may play."""
        return self.path / "demo.lock"

    @property
    def environment(self) -> Path:
        """How to reach the stack: lines of ``NAME=value``, no secret among them."""
        return self.path / "environment"

    @property
    def secrets(self) -> Path:
        """Passwords, keys, and addresses that contain them; one file each."""
        return self.path / "secrets"

    @property
    def programs(self) -> Path:
        """Programs that were downloaded because they were found nowhere else."""
        return self.path / "programs"

    def log(self, part: str) -> Path:
        """Where a part's output goes."""
        return self.path / "logs" / f"{part}.log"

    def make(self) -> None:
        """Make the folder and its rooms with mode 0700, and prove that it can be written.

        Raises:
            StateFolderError: It cannot; the disk may also be full.
        """
        try:
            for folder in (self.path, self.secrets, self.path / "logs"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"writable")
        except OSError as error:
            raise StateFolderError(f"{self.path} cannot be used: {error.strerror}.") from error


def private_write(path: Path, text: str) -> None:
    """Replace a file at one stroke, with mode 0600: readers see the old text or the new, never half."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
