"""The Celery application. It is spoken to in provisioning's tasks and hints, and nowhere else."""

from celery import Celery
from django.conf import settings

from platform_api.settings import env
from provisioning.dispatch import queue_of

env.preset("DJANGO_SETTINGS_MODULE", "platform_api.settings.production")
env.preset("SLIPWAY_ROW_SCOPE", "all")  # workers work for everybody; the API has said otherwise before

app = Celery("slipway")
app.config_from_object(settings.CELERY)
# A worker that is not told otherwise (-Q) takes from these; the dispatcher names the queue of each hint.
app.conf.task_queues = {queue_of(pool): {} for pool in settings.WORKER_POOLS}
app.autodiscover_tasks()
