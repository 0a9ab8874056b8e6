"""The Celery application. It is spoken to in provisioning's tasks and hints, and nowhere else."""

from typing import Any, Self

from celery import Celery
from celery.app.amqp import AMQP
from django.conf import settings
from kombu import Connection

from platform_api.settings import env

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


app = Celery("slipway", amqp=SteadyAMQP)
app.config_from_object(settings.CELERY)
app.autodiscover_tasks()
