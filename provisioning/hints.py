"""The dispatcher's only door to Celery. A hint may be lost, doubled or late; it says no more than "look"."""

import logging
from collections.abc import Iterable, Mapping

from celery import current_app
from kombu.exceptions import OperationalError

from provisioning import metrics
from provisioning.dispatch import queue_of
from provisioning.models import Run

logger = logging.getLogger(__name__)

TASK = "provisioning.run_hint"
"""Named by text, because tasks call services and services must not call tasks."""


def hints_send(runs: Iterable[Run], *, slots: Mapping[str, int]) -> int:
    """Tell workers of runs that wait, and return how many are told before the broker failed, if it did.

    A hint carries the correlation id and the trace of the order, so that what a worker logs of it can be found by them.
    One that is repeated is left out where hints wait already for all that the workers can take: they are busy with
    something else, or gone, and will take whatever waits by any of these.

    A broker that does not answer costs its socket timeout and a log line: the rows wait, and are swept again.

    Args:
        runs: What to tell of.
        slots: By pool, how many runs its workers take at once.
    """
    sent = 0
    for run in runs:
        queue = queue_of(run.pool)
        told = {"run_id": str(run.pk), "correlation_id": run.correlation_id, "traceparent": run.traceparent}
        signature = current_app.signature(TASK, kwargs=told)
        try:
            if not run.is_hinted_again or _waiting(queue) < slots[run.pool]:
                signature.apply_async(queue=queue, retry=False, ignore_result=True)
        except OperationalError:
            metrics.BROKER_FAILURES.inc()
            logger.warning("the broker takes no hints; runs wait until it does")
            break
        sent += 1
    return sent


def _waiting(queue: str) -> int:
    """Return how many hints wait in a queue.

    Raises:
        OperationalError: The broker does not answer.
    """
    with current_app.producer_or_acquire() as producer:
        broker = producer.connection
        try:
            return int(broker.default_channel.queue_declare(queue=queue, passive=True).message_count)
        except broker.channel_errors:  # what is empty is not there
            return 0
        except broker.connection_errors as error:
            raise OperationalError(str(error)) from error
