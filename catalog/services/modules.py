"""Modules come out of the database again, as they were published."""

from pathlib import Path

from catalog.manifest.packing import module_extract
from catalog.models import OfferingVersion


def module_unpack(*, version: OfferingVersion, destination: Path) -> None:
    """Write a version's module into a new folder that only its owner can read.

    Args:
        version: Whose module.
        destination: The folder to make; its parent exists.

    Raises:
        DigestMismatchError: The bytes in the database are not those that were published; nothing is written.
        FileExistsError: The folder is there already.
    """
    module_extract(bytes(version.module), digest=version.digest, destination=destination)
