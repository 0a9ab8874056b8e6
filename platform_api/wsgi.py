"""The API's entry for a WSGI server."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_api.settings.production")
# The server's many threads share a pool; commands and workers keep one connection each.
os.environ.setdefault("SLIPWAY_DATABASE_POOL_SIZE", "16")

from django.core.wsgi import get_wsgi_application

import platform_api.celery  # noqa: F401 - tasks bind to this application
from platform_api.core.http.chunks import ChunkedBodies

application = ChunkedBodies(get_wsgi_application())
