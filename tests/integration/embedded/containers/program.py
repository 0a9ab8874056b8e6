"""A worker's container with small programs in place of Celery and Terraform: ``python -m`` this module FOLDER KIND."""

import signal
import sys
from pathlib import Path

from platform_api.embedded.containers.worker import worker_run
from platform_api.embedded.parts import Part
from platform_api.process.ladders import Step

# A worker with two children: "pool", of its own session, which only a kill ends; and "terraform", in a session of its
# own, which sees its parent die and then needs a while to save.
_WORKER = """
import os, pathlib, resource, signal, sys, time
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # writing one takes longer than some wait
folder, kind = pathlib.Path(sys.argv[1]), sys.argv[2]
def tell(name):
    (folder / f".{name}").write_text(str(os.getpid()))
    (folder / f".{name}").rename(folder / name)
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        parent = os.getppid()
        os.setsid()
        tell("terraform")
        while os.getppid() == parent:
            time.sleep(0.02)
        time.sleep(0.5)
        (folder / "saved").touch()
        os._exit(0)
    tell("pool")
    while True:
        time.sleep(1)
if kind == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
while not (folder / "terraform").exists() or not (folder / "pool").exists():
    time.sleep(0.02)
(folder / "ready").touch()
if kind == "short":
    sys.exit(3)
while True:
    time.sleep(1)
"""

if __name__ == "__main__":
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    part = Part(
        name="worker",
        argv=(sys.executable, "-IS", "-c", _WORKER, str(folder), kind),
        ladder=(Step(signal=signal.SIGTERM, seconds=0.5), Step(signal=signal.SIGQUIT, seconds=20)),
    )
    sys.exit(worker_run(part))
