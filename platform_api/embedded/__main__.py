"""Run the stack's commands without ``manage.py``: ``python -m platform_api.embedded up``."""

import sys

from platform_api.embedded.cli import main

sys.exit(main(sys.argv[1:]))
