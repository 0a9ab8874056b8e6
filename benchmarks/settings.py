"""Settings of a stack that is measured: those of a checkout, and a Celery task that does nothing."""

from platform_api.settings.development import *  # noqa: F403 - an environment is the base with its differences
from platform_api.settings.development import CELERY

CELERY = {**CELERY, "include": ["benchmarks.noop"]}
