"""The version of the code: the first heading of CHANGELOG.md, so that the two cannot disagree."""

import re
from functools import cache
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


@cache
def version() -> str:
    """Return e.g. ``0.1.0``; ``0.0.0`` where the changelog was not shipped along."""
    if not CHANGELOG.exists():
        return "0.0.0"
    found = re.search(r"^## (\d+\.\d+\.\d+)", CHANGELOG.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return found[1] if found else "0.0.0"
