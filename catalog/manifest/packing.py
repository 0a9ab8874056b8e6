"""A module as one value: the files that Terraform needs, packed so that equal files give equal bytes.

Tests, examples, README and manifest are left out: changing them is no new version of the module. The manifest is
compared by itself. A composed offering has no module; what is packed of it is its manifest.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from catalog.schema.problems import ModuleBrokenError, Problem

LEFT_OUT = frozenset({"tests", "examples", "README.md", "offering.yaml"})
LOCK_FILE = ".terraform.lock.hcl"
"""The one hidden file that belongs to a module: it pins its providers."""

VALUES = (".tfvars", ".tfvars.json", ".tfstate", ".tfstate.backup", ".tfplan")
"""Files that carry somebody's values; Terraform would even load some of them by itself."""

MAX_BYTES = 1024 * 1024
"""No sound module comes near it; what does has a binary or a state among its files."""


class DigestMismatchError(Exception):
    """A packed module is not the one that was published: it was altered where it was kept."""


def module_digest(packed: bytes) -> str:
    """Return the SHA-256 of a packed module, in hex."""
    return hashlib.sha256(packed).hexdigest()


def module_pack(folder: Path) -> bytes:
    """Return an uncompressed tar of a module: sorted, without owners and times.

    Raises:
        ModuleBrokenError: Links, files with values or state, or more than 1 MiB.
    """
    return _pack(folder, _files(folder))


def manifest_pack(folder: Path, manifest: str) -> bytes:
    """Return an uncompressed tar of a composed offering: its manifest, and nothing else.

    Raises:
        ModuleBrokenError: The manifest is a link; or there are files beside it that would belong to a module.
    """
    strange = [
        Problem(path.name, 1, "a composed offering has no module; move it into one of its own")
        for path in _files(folder)
        if path.name != manifest
    ]
    if strange:
        raise ModuleBrokenError(strange)
    return _pack(folder, [folder / manifest])


def _pack(folder: Path, paths: Iterable[Path]) -> bytes:
    problems: list[Problem] = []
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            name = path.relative_to(folder).as_posix()
            if path.is_symlink() or not path.is_file():
                problems.append(Problem(name, 1, "links and devices are not taken; a module is plain files"))
            elif path.name.endswith(VALUES):
                problems.append(Problem(name, 1, "files with values or state do not belong into a module"))
            else:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = path.stat().st_size, 0o644
                with path.open("rb") as content:
                    tar.addfile(entry, content)
    packed = buffer.getvalue()
    if len(packed) > MAX_BYTES:
        problems.append(Problem(".", 1, f"the module is larger than {MAX_BYTES} bytes"))
    if problems:
        raise ModuleBrokenError(problems)
    return packed


def module_extract(packed: bytes, *, digest: str, destination: Path) -> None:
    """Write a packed module into a folder that does not exist yet, readable by its owner only.

    Args:
        packed: What ``module_pack`` returned.
        digest: What was published; SHA-256 in hex.
        destination: The folder to make; its parent exists.

    Raises:
        DigestMismatchError: The bytes are not those that were published; nothing is written.
        FileExistsError: The folder is there already.
        ValueError: An entry is no plain file below the folder; ``module_pack`` makes no such entry.
    """
    found = module_digest(packed)
    if found != digest:
        msg = f"The packed module has the digest {found} and should have {digest}; publish it again and look who wrote."
        raise DigestMismatchError(msg)
    destination.mkdir(mode=0o700)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for entry in tar:
            _extract(tar, entry, destination)


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, destination: Path) -> None:
    # Not by tar.extract: its filters against hostile entries came with Python 3.11.4, and 3.11.2 is still in use.
    name = PurePosixPath(entry.name)
    content = tar.extractfile(entry) if entry.isreg() else None
    if content is None or name.is_absolute() or ".." in name.parts:
        msg = f"{entry.name!r} is no plain file below the module's folder."
        raise ValueError(msg)
    file = destination / name
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(content.read())


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        is_hidden = path.name.startswith(".") and path.name != LOCK_FILE
        if path.name in LEFT_OUT or is_hidden:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path
