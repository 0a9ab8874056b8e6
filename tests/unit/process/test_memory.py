"""How much memory processes take."""

import os
import subprocess
import sys

import pytest

from platform_api.process.memory import family_pss, own_pss

MEGA = 1024 * 1024
HOLDS = 64 * MEGA

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")


def test_what_a_child_holds_counts_for_the_family_and_not_for_the_parent_alone() -> None:
    code = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "held = b'x' * {HOLDS}; print(flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(flush=True)
input()
child.communicate(b"\\n")
"""
    with subprocess.Popen((sys.executable, "-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        family, alone = family_pss(parent.pid), own_pss(parent.pid)
        parent.communicate(b"\n")
    assert family is not None
    assert alone is not None
    assert family > HOLDS > alone > MEGA


def test_nobody_knows_of_a_process_that_is_gone() -> None:
    with subprocess.Popen((sys.executable, "-c", "")) as process:
        pass
    assert family_pss(process.pid) is None
    assert own_pss(os.getpid()) is not None
