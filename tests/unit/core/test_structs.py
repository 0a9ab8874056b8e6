"""Threads that read structs for the first time at the same moment; each try in a process of its own, for it may die."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

RACE = """
import sys, threading
from platform_api.wsgi import application
import msgspec
from governance.services.policies import Answer
from provisioning.api.requests import RequestBody

sys.setswitchinterval(1e-6)
threads = 16
together = threading.Barrier(threads)
ask = {"operation": "provision", "offering": "o", "plan": "p", "project": "p", "name": "na"}
said = b'{"set": {"id": "x", "version": 1, "digest": ""}, "results": []}'

def read():
    together.wait()
    assert msgspec.convert(ask, RequestBody).name == "na"
    assert msgspec.json.decode(said, type=Answer).set.id == "x"

running = [threading.Thread(target=read) for _ in range(threads)]
for each in running:
    each.start()
for each in running:
    each.join()
"""


def test_first_calls_that_come_together_do_not_bring_the_process_down() -> None:
    for _ in range(3):
        ended = subprocess.run((sys.executable, "-c", RACE), cwd=ROOT, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr[-2000:]
