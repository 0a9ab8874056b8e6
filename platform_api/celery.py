"""The Celery application. It is spoken to in provisioning's tasks and hints, and nowhere else."""

import os
from typing import Any, Self

from billiard.process import current_process
from celery import Celery
from celery.app.amqp import AMQP
from celery.loaders.app import AppLoader
from django.conf import settings
from kombu import Connection

from platform_api.core.metrics_folder import metrics_folder_open
from platform_api.settings import env
from provisioning.dispatch import queue_of

env.preset("DJANGO_SETTINGS_MODULE", "platform_api.settings.production")
env.preset("SLIPWAY_ROW_SCOPE", "all")  # workers work for everybody; the API has said otherwise before

RECONNECT_SECONDS = 1
"""Between two tries of a worker to reach a broker that is away."""


class SteadyConnection(Connection):
    """A connection that is tried for again at a steady pace.

    Kombu waits longer and longer, up to 30 s, and Celery has no setting for it: runs that wait would begin so much
    later after the broker has come back.
    """

    def ensure_connection(self, *args: Any, **options: Any) -> Self:
        """Try until it is there, or as often as the caller wants."""
        pace = {"interval_start": RECONNECT_SECONDS, "interval_step": 0, "interval_max": RECONNECT_SECONDS}
        super().ensure_connection(*args, **{**pace, **options})
        return self


class SteadyAMQP(AMQP):
    """Celery's way to the broker, with such connections."""

    Connection = SteadyConnection


class WorkerLoader(AppLoader):
    """Gives a worker a folder for its metrics, before any of them is made."""

    def init_worker(self) -> None:
        """Begin as a worker; nobody would ask for metrics where no port is told."""
        if settings.METRICS_TOKEN and settings.WORKER_METRICS_PORT and not self.worker_initialized:
            metrics_folder_open(settings.METRICS_DIR, server=os.getpid())
            _metrics_by_place()
        super().init_worker()  # imports the tasks, and with them the metrics


def _metrics_by_place() -> None:
    """Let a pool child go on with the metrics of whose place it takes, so that files do not grow with the days."""
    from prometheus_client import values

    make = values.MultiProcessValue
    values.ValueClass = make(lambda: getattr(current_process(), "index", "main"))  # type: ignore[no-untyped-call]  # untyped


app = Celery("slipway", loader="platform_api.celery:WorkerLoader", amqp=SteadyAMQP)
app.config_from_object(settings.CELERY)
# A worker that is not told otherwise (-Q) takes from these; the dispatcher names the queue of each hint.
app.conf.task_queues = {queue_of(pool): {} for pool in settings.WORKER_POOLS}
app.autodiscover_tasks()
