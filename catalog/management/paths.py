"""Which modules a command is about."""

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from catalog.manifest.reading import MANIFEST

MODULES = "terraform_modules"


def add_paths(parser: CommandParser) -> None:
    """Let a command take folders."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help=f"folder of a module, or a folder of modules (default: {MODULES}/)",
    )


def module_folders(paths: Sequence[Path]) -> list[Path]:
    """Return the folders that have a manifest, among these or directly below them.

    Raises:
        CommandError: A path leads to none.
    """
    folders: list[Path] = []
    for path in paths or [settings.BASE_DIR / MODULES]:
        below = sorted(manifest.parent for manifest in path.glob(f"*/{MANIFEST}"))
        found = [path] if (path / MANIFEST).is_file() else below
        if not found:
            msg = f"There is no {MANIFEST} in {path}, nor in a folder below it."
            raise CommandError(msg)
        folders.extend(found)
    return folders
