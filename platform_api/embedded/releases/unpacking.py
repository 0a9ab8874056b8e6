"""Take one program out of an archive, by its name alone: nothing else of the archive is written anywhere."""

import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import IO, BinaryIO

from platform_api.core.errors import UnavailableError

LIMIT_BYTES = 512 * 1024**2
"""Several times the size of any program; Terraform 1.11.4 has 91 MB."""


class ArchiveError(UnavailableError):
    """An archive does not hold the one program that it should; the text says what is wrong with it."""

    code = "release_archive_unusable"
    title = "The archive of a release cannot be used"
    remedy = "Install Terraform or OpenTofu yourself."


def program_unpack(archive: BinaryIO, *, member: str, target: Path) -> None:
    """Write the program to its place at one stroke, so that nobody ever starts half of it.

    Args:
        archive: A zip archive, open for reading.
        member: The name of the one member that is wanted.
        target: Where to; a file that is there is replaced, and goes on running where it runs. Its owner alone may
            start it.

    Raises:
        ArchiveError: The archive is none, or what it calls by that name is not one plain file of a sane size.
    """
    try:
        with zipfile.ZipFile(archive) as members:
            found = _find(members, member)
            with members.open(found) as source:
                _write(source, target)
    # A password is asked for by a RuntimeError, an unknown compression refused by a NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ArchiveError(f"The archive cannot be unpacked: {error}.") from error


def _find(members: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    found = [member for member in members.infolist() if member.filename == name]
    if len(found) != 1:
        raise ArchiveError(f"The archive has {len(found)} members named {name} instead of one.")
    kind = stat.S_IFMT(found[0].external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:  # 0: written by a system without kinds
        raise ArchiveError(f"In the archive, {name} is not a plain file.")
    # The reader of a member gives no more than this, however much there is.
    if found[0].file_size > LIMIT_BYTES:
        raise ArchiveError(f"In the archive, {name} is larger than {LIMIT_BYTES // 1024**2} MiB.")
    return found[0]


def _write(source: IO[bytes], target: Path) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o700)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
