"""Quote the end of a log, so that a person sees the reason without opening the file."""

from collections.abc import Sequence
from pathlib import Path

from platform_api.process.output import OutputFollower

_QUOTED_LINES = 15


def log_size(log: Path) -> int:
    """Mark where a log ends now, in bytes."""
    return log.stat().st_size if log.exists() else 0


def log_since(log: Path, offset: int) -> list[str]:
    """Read the lines written after a mark."""
    lines: list[str] = []
    if log.exists():
        OutputFollower(log, lines.append, offset=offset).finish()
    return lines


def log_tail(lines: Sequence[str]) -> str:
    """Quote the last 15 lines, indented."""
    return "\n".join(f"    {line}" for line in lines[-_QUOTED_LINES:])
