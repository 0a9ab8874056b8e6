"""The dispatcher's only door to Celery. A hint may be lost, doubled or late; it says no more than "look"."""

import logging
from collections.abc import Iterable
from uuid import UUID

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

TASK = "provisioning.run_hint"
"""Named by text, because tasks call services and services must not call tasks."""


def hints_send(run_ids: Iterable[UUID]) -> int:
    """Tell workers of runs that wait, and return how many were told before the broker failed, if it did.

    A broker that does not answer costs its socket timeout and a log line: the rows wait, and are swept again.
    """
    sent = 0
    for run_id in run_ids:
        signature = current_app.signature(TASK, kwargs={"run_id": str(run_id)})
        try:
            signature.apply_async(retry=False, ignore_result=True)
        except OperationalError:
            logger.warning("the broker takes no hints; runs wait until it does")
            break
        sent += 1
    return sent
