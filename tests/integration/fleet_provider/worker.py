"""A worker to be killed: starts a provider and an apply in the folder given, tells the process ids, waits."""

import json
import subprocess
import sys
from pathlib import Path

from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import APPLY


def main() -> None:
    request = json.load(sys.stdin)
    folder = Path(request["folder"])
    zygote = Zygote()
    handle = zygote.provider_start(folder, request["credentials"])
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            ["terraform", *APPLY],
            cwd=folder,
            env={**request["environment"], **handle.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[handle.lifeline],
        )
    pids = {"zygote": zygote.pid, "provider": handle.pid, "terraform": process.pid}
    sys.stdout.write(json.dumps(pids) + "\n")
    sys.stdout.flush()
    process.wait()


if __name__ == "__main__":
    main()
