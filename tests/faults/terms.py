"""Times of a stage: leases of 2 s, and everything that is meant to be seldom as much more often."""

import importlib
import signal
from collections.abc import Mapping
from typing import Any

from platform_api.process.ladders import Step

LEASE_SECONDS = 2
IDLE_IN_TRANSACTION_MS = 2500
"""Instead of a minute: a frozen process gives its locks back when its lease is over, as in the product."""

SHORT: Mapping[str, Any] = {
    "provisioning.services.execution.carrier.SILENCE_SECONDS": 4,
    "provisioning.services.execution.carrier.RETRY_SECONDS": 0.5,
    "provisioning.services.execution.leases.OVERDUE_SECONDS": 6,
    "provisioning.management.commands.run_dispatcher.RECONCILE_SECONDS": 0.7,
    "provisioning.management.commands.run_dispatcher.SWEEP_SECONDS": 0.5,
    "provisioning.services.hinting.HINT_SECONDS": 3,
    "platform_api.terraform.local.TERRAFORM_LADDER": (
        Step(signal=signal.SIGINT, seconds=2),
        Step(signal=signal.SIGINT, seconds=1),
    ),
}
"""In the product these are 120 s, 5 s, 90 s, 5 s, 2 s, 10 s, and 60 s and 15 s, with leases of 60 s."""

VERIFY_SECONDS = 4
"""After a takeover, instead of two leases and 90 s: by then the short ladder is done."""

LEFTOVER_LADDER = (Step(signal=signal.SIGCONT, seconds=2), Step(signal=signal.SIGINT, seconds=1))
"""Instead of 60 s and 15 s."""


OF_TERRAFORM = ("SILENCE_SECONDS", "TERRAFORM_LADDER")
"""Those that the real Terraform is not held to: it may take seconds to begin."""


def shorten(*, is_real: bool) -> None:
    """Put the short times in place; a name that is not there any more is a mistake of this file.

    Args:
        is_real: Whether the stage's Terraform is the real one.
    """
    for path, value in SHORT.items():
        if is_real and path.endswith(OF_TERRAFORM):
            continue
        module_name, _, name = path.rpartition(".")
        module = importlib.import_module(module_name)
        if not hasattr(module, name):
            raise AttributeError(path)
        setattr(module, name, value)
    from platform_api.terraform.local import LocalTerraform  # the settings, which come first, need only the figures

    defaults = LocalTerraform.__init__.__kwdefaults__
    if defaults is None or "leftover_ladder" not in defaults:
        raise AttributeError("leftover_ladder")
    defaults["leftover_ladder"] = LEFTOVER_LADDER
