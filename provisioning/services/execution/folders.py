"""Run folders that workers left behind: they hold secrets, and perhaps a Terraform that nobody listens to."""

import logging
from uuid import UUID

from platform_api.core.ids import Prefix, UnknownIdError, parse
from platform_api.terraform.client import TerraformClient
from provisioning.models import Run
from provisioning.states import FINAL_RUN

logger = logging.getLogger(__name__)


def folders_clear(client: TerraformClient) -> int:
    """Clear away what is left on this host of runs that have ended, and return of how many.

    A folder of a live run stays: its worker, or the next one, needs what is in it.

    Args:
        client: This host's Terraform.
    """
    ids = {run: name for name in client.left() if (run := _run_id(name)) is not None}
    ended = Run.objects.filter(pk__in=ids, status__in=FINAL_RUN).values_list("pk", flat=True)
    for run in ended:
        logger.warning("run %s has ended; what is left of it on this host is cleared away", run)
        client.clear(ids[run])
    return len(ended)


def _run_id(name: str) -> UUID | None:
    try:
        return parse(Prefix.RUN, name)
    except UnknownIdError:
        return None
