import subprocess
import sys

import pytest

from platform_api.embedded.folder import CHECKOUT

# In a process of its own, because what it asks of the kernel cannot be taken back.
_SCRIPT = """
import os, signal, sys, time
from platform_api.process.orphans import orphans_adopt, orphans_collect

adopting = sys.argv[1] == "adopt"
if adopting:
    orphans_adopt()
read, write = os.pipe()
child = os.fork()
if child == 0:
    grandchild = os.fork()
    if grandchild == 0:
        os.setsid()
        time.sleep(600)
    os.write(write, str(grandchild).encode())
    os._exit(0)
grandchild = int(os.read(read, 20))
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
found = [identity.pid for identity in orphans_collect([child])]
os.kill(grandchild, signal.SIGKILL)
assert os.waitpid(child, 0)[0] == child  # a child of our own is not collected there
assert found == ([grandchild] if adopting else []), found
while os.path.exists(f"/proc/{grandchild}"):
    orphans_collect([])
    time.sleep(0.01)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux hands orphans on")
@pytest.mark.parametrize("mode", ["adopt", "leave"])
def test_an_orphan_is_handed_to_who_adopts_and_collected_when_it_has_ended(mode: str) -> None:
    answer = subprocess.run(
        (sys.executable, "-c", _SCRIPT, mode),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
