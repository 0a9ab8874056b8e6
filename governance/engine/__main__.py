"""``python -m governance.engine --socket PATH --policies DIR``: the policy helper.

It is given an empty environment, and empties what it was given all the same: Rego rules can read it.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from governance.engine.watchdog import SocketTakenError, Watchdog
from governance.engine.wire import SocketPathError


def main() -> int:
    """Serve until SIGTERM; return the exit status."""
    os.environ.clear()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s policy helper: %(message)s")
    parser = argparse.ArgumentParser(prog="python -m governance.engine", description="Judges asks by Rego policies.")
    parser.add_argument("--socket", type=Path, required=True, help="unix socket to listen on; fewer than 100 bytes")
    parser.add_argument("--policies", type=Path, required=True, help="folder of the policy set")
    arguments = parser.parse_args()
    try:
        return Watchdog(path=arguments.socket, folder=arguments.policies).run()
    except (SocketTakenError, SocketPathError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the program's answer to who started it
        return 1


if __name__ == "__main__":
    sys.exit(main())
