"""The Celery application. It is spoken to in provisioning's tasks and hints, and nowhere else."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_api.settings.production")
os.environ.setdefault("SLIPWAY_ROW_SCOPE", "all")  # workers work for everybody; the API has said otherwise before

app = Celery("slipway")
app.config_from_object(settings.CELERY)
app.autodiscover_tasks()
