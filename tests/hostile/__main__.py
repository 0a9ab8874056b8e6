"""Attack a stack of its own with everything: ``make hostile``; ``SHORT=1`` takes a sample of it.

Prints a line of totals, and each failure with the curl line that repeats it (put the address of a service into
``SLIPWAY_URL`` and a developer's token into ``SLIPWAY_TOKEN``). Ends with 1 where anything failed.
"""

import os
import sys
import time

from tests.e2e.live import stack_running
from tests.hostile.assault import assault
from tests.hostile.stage import NEWCOMERS, stage_make


def main() -> int:
    """Attack, report, and return the exit status."""
    began = time.monotonic()
    with stack_running(*NEWCOMERS) as stack:
        report = assault(stage_make(stack), is_short=bool(os.environ.get("SHORT")))
    for failure in report.failures:
        print(failure)
    print(f"{report.totals} in {time.monotonic() - began:.0f} s")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
