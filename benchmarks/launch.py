"""Run a module with a stack's own settings: ``python -m benchmarks.launch MODULE ARGUMENTS``."""

import os
import sys

from platform_api.embedded.environment import load_into

if __name__ == "__main__":
    load_into(os.environ)
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])  # noqa: S606 - our own command line
