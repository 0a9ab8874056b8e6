"""The Celery application. It is spoken to in provisioning's tasks and hints, and nowhere else."""

import os

from billiard.process import current_process
from celery import Celery
from celery.loaders.app import AppLoader
from django.conf import settings

from platform_api.core.metrics_folder import metrics_folder_open
from platform_api.settings import env
from provisioning.dispatch import queue_of

env.preset("DJANGO_SETTINGS_MODULE", "platform_api.settings.production")
env.preset("SLIPWAY_ROW_SCOPE", "all")  # workers work for everybody; the API has said otherwise before


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


app = Celery("slipway", loader="platform_api.celery:WorkerLoader")
app.config_from_object(settings.CELERY)
# A worker that is not told otherwise (-Q) takes from these; the dispatcher names the queue of each hint.
app.conf.task_queues = {queue_of(pool): {} for pool in settings.WORKER_POOLS}
app.autodiscover_tasks()
