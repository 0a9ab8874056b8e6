"""Where the processes of one server keep their metrics; opened before the library of metrics is imported."""

import os
import shutil
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""What the library looks at, once, when it is imported."""


def metrics_folder_open(base: Path, *, server: int | None = None) -> Path:
    """Let this process keep its metrics beside those of its siblings, and return where.

    Siblings have one parent, the server that starts them and starts them again; its number names the folder, so that
    what a sibling counted outlives it. Folders of servers that are gone are removed.

    Args:
        base: Where such folders are; made when missing, closed to others.
        server: Number of that process; by default this one's parent.

    Raises:
        OSError: It cannot be made.
    """
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    for other in base.iterdir():
        if not _is_alive(other.name):
            shutil.rmtree(other, ignore_errors=True)  # a sibling may be doing the same
    folder = base / str(os.getppid() if server is None else server)
    folder.mkdir(mode=0o700, exist_ok=True)
    _forget_the_dead(folder)
    os.environ[VARIABLE] = str(folder)
    return folder


def _forget_the_dead(folder: Path) -> None:
    """Remove what says how things stand in processes that are gone; what they counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        if not _is_alive(path.stem.rpartition("_")[2]):
            path.unlink(missing_ok=True)


def _is_alive(number: str) -> bool:
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    except ValueError:
        return True  # no folder of ours
    return True
