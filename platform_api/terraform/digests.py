"""Name a folder by its content."""

import hashlib
import os
from pathlib import Path

from platform_api.core.errors import FaultError


class TreeUnfitError(FaultError):
    """A folder holds what cannot be named by content: a socket, a device or a pipe."""

    code = "tree_unfit"
    title = "A folder holds something else than files, folders and links"


def tree_digest(folder: Path) -> str:
    """Digest names, contents and links of everything below a folder.

    A link counts as its target's name and is not followed: a template links to the mirror, whose content the lock
    file vouches for. Modes and times do not count, since they differ from host to host.

    Returns:
        ``sha256:`` and 64 hexadecimal digits.

    Raises:
        TreeUnfitError: Something is neither file, folder nor link.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            kind, content = "link", os.fsencode(path.readlink())
        elif path.is_dir():
            kind, content = "folder", b""
        elif path.is_file():
            kind, content = "file", path.read_bytes()
        else:
            raise TreeUnfitError(f"{path} is neither file, folder nor link.")
        digest.update(f"{kind} {len(os.fsencode(name))} {len(content)}\n".encode())
        digest.update(os.fsencode(name))
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"
