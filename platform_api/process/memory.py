"""How much memory processes take, shared pages counted once (Linux)."""

import re
from pathlib import Path

from platform_api.process.identity import descendants

_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
_KILO = 1024


def family_pss(pid: int) -> int | None:
    """Return the proportional set size of a process and all below it.

    A page that several processes map counts for each by its share, so the figures of all families add up to what the
    machine has given away. Elsewhere than on Linux, and where the processes are another user's, nobody tells.

    Args:
        pid: The process at the top.

    Returns:
        Bytes, or None where it is not known.
    """
    own = own_pss(pid)
    if own is None:  # nothing would be known of those below it either
        return None
    return own + sum(own_pss(process.pid) or 0 for process in descendants(pid))


def own_pss(pid: int) -> int | None:
    """Return the proportional set size of one process alone, in bytes; None where it is not known."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return None
    found = _PSS.search(text)
    return None if found is None else int(found[1]) * _KILO
