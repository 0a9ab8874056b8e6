"""The dispatcher's only door to Celery. A hint may be lost, doubled or late; it says no more than "look"."""

import logging
from collections.abc import Iterable

from celery import current_app
from kombu.exceptions import OperationalError

from provisioning import metrics
from provisioning.models import Run

logger = logging.getLogger(__name__)

TASK = "provisioning.run_hint"
"""Named by text, because tasks call services and services must not call tasks."""


def hints_send(runs: Iterable[Run]) -> int:
    """Tell workers of runs that wait, and return how many were told before the broker failed, if it did.

    A hint carries the correlation id and the trace of the order, so that what a worker logs of it can be found by them.

    A broker that does not answer costs its socket timeout and a log line: the rows wait, and are swept again.
    """
    sent = 0
    for run in runs:
        told = {"run_id": str(run.pk), "correlation_id": run.correlation_id, "traceparent": run.traceparent}
        signature = current_app.signature(TASK, kwargs=told)
        try:
            signature.apply_async(retry=False, ignore_result=True)
        except OperationalError:
            metrics.BROKER_FAILURES.inc()
            logger.warning("the broker takes no hints; runs wait until it does")
            break
        sent += 1
    return sent
