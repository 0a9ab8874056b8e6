"""Fuzz a stack of its own from its own OpenAPI document: ``make fuzz``; ``SHORT=1`` takes fewer examples.

Schemathesis makes the calls, logged in as a developer and always from one seed, and holds each answer against the
document. Ends with its exit status.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.live import LiveStack, stack_running

PROJECT = "fuzz"
SEED = 20260101
EXAMPLES, EXAMPLES_SHORT = 60, 5
SECONDS = 3000
"""More than it takes on a slow machine; whatever hangs ends then."""

CONFIGURATION = """
seed = {seed}
request-timeout = 15.0

# By its scheme, so that it is left out where a call is made with bad credentials of another scheme, as a session's.
[auth.openapi.apiToken]
bearer = "{token}"

[generation]
max-examples = {examples}
database = "none"

# What a schema allows may still be refused: an offering that is not there, a quota used up, a cursor of nobody.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "400", "401", "403", "404", "409", "410", "412", "422", "428", "429", "503"]

# As sound data may be refused for more than one reason, so may unsound data, the first reason counting.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "410", "412", "413", "414", "415", "422", "428",
  "429"]

# A DELETE is an ask: what is given back stays there to be looked at, before and after it is gone.
[checks.use_after_free]
enabled = false

# Needs a second identity, which one run does not have; who sees what is proven role by role and route by route.
[checks.object_level_authorization]
enabled = false
"""
"""What is set for Schemathesis, and why; each check that is not named here counts as it comes."""


def main() -> int:
    """Fuzz, and return the exit status."""
    # Calls with tokens that are none go on for longer than an address may: they are to be told so, not to come back.
    unlimited = {"SLIPWAY_RATE_ATTEMPT": "0"}
    with stack_running(PROJECT, **unlimited) as stack, tempfile.TemporaryDirectory() as folder:
        return _fuzz(stack, Path(folder))


def _fuzz(stack: LiveStack, folder: Path) -> int:
    configuration = folder / "schemathesis.toml"
    configuration.touch(mode=0o600)  # the token is in it, so that neither arguments nor environment show it
    configuration.write_text(
        CONFIGURATION.format(
            seed=SEED,
            token=stack.clients[PROJECT].http.headers["Authorization"].removeprefix("Bearer "),
            examples=EXAMPLES_SHORT if os.environ.get("SHORT") else EXAMPLES,
        )
    )
    program = Path(sys.executable).with_name("schemathesis")
    document = f"{stack.state.api_url}/docs/openapi.yaml"
    argv = (program, "--config-file", configuration, "run", document, "--checks", "all", "--continue-on-failure")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    return subprocess.run(argv, cwd=folder, env=environ, check=False, timeout=SECONDS).returncode


if __name__ == "__main__":
    sys.exit(main())
