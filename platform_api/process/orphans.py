"""Become the parent of grandchildren whose own parent died, so that none gets out of sight (Linux)."""

import ctypes
import os
import sys
from collections.abc import Collection

from platform_api.process.identity import ProcessIdentity
from platform_api.process.table import process_rows

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def orphans_adopt() -> None:
    """Have orphans below this process handed to it; elsewhere than on Linux they go to init."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def orphans_collect(own: Collection[int]) -> list[ProcessIdentity]:
    """Collect orphans that have ended, and list those that live.

    Args:
        own: Numbers of the children that this process started itself and has not collected.
    """
    living = []
    for row in process_rows():
        if row.parent != os.getpid() or row.pid in own:
            continue
        if row.is_zombie:
            os.waitpid(row.pid, os.WNOHANG)
        else:
            living.append(ProcessIdentity.of_row(row))
    return living
