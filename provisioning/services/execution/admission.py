"""Whether a worker takes a run now: asked before the claim, so that a run that it could not do is left to others."""

import logging

from platform_api.core import clock
from platform_api.terraform.client import TerraformClient
from platform_api.terraform.workdir import DiskSpaceError
from provisioning.services.execution.draining import Drain

logger = logging.getLogger(__name__)

TOLD_SECONDS = 60.0
"""A disk stays full for long, and hints come many times a second."""


class Admission:
    """The door of one worker.

    Attributes:
        client: Knows the disk that runs work on.
        drain: Shuts the door for good.
    """

    def __init__(self, *, client: TerraformClient, drain: Drain) -> None:
        self.client, self.drain = client, drain
        self._told_at: float | None = None

    def is_open(self) -> bool:
        """Tell whether a run may be claimed; a disk that is too full is told of in the log, once in a while."""
        if self.drain.has_begun:
            return False
        try:
            self.client.room_check()
        except DiskSpaceError as error:
            self._tell(error)
            return False
        self._told_at = None
        return True

    def _tell(self, error: DiskSpaceError) -> None:
        now = clock.boot_seconds()
        if self._told_at is None or now - self._told_at >= TOLD_SECONDS:
            self._told_at = now
            logger.warning("no run is claimed: %s %s", error.detail, error.remedy)
