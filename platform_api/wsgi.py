"""The API's entry for a WSGI server."""

# ruff: noqa: E402 - what is imported reads the settings, which go by what is said before

import os

from platform_api.settings import env

env.preset("DJANGO_SETTINGS_MODULE", "platform_api.settings.production")
# The server's many threads share a pool; commands and workers keep one connection each.
env.preset("SLIPWAY_DATABASE_POOL_SIZE", "16")
os.environ["SLIPWAY_ROW_SCOPE"] = "nothing"  # each call brings its own; whatever else is set, the API has no other

from django.conf import settings

from platform_api.core.metrics_folder import metrics_folder_open

if settings.METRICS_TOKEN:  # nobody else would ever ask for them
    metrics_folder_open(settings.METRICS_DIR)

from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.urls import get_resolver

import platform_api.celery  # noqa: F401 - tasks bind to this application
from platform_api.core.leaving import on_leaving
from platform_api.core.logs import records_lighten
from platform_api.core.shapes import structs_prepare
from platform_api.core.waiting import room

application = get_wsgi_application()
# Each call would do so, and find nothing: connections go back when a call ends, no cache and no log of queries is used.
request_started.disconnect(close_old_connections)
request_started.disconnect(reset_queries)
request_finished.disconnect(close_caches)
get_resolver().url_patterns  # noqa: B018 - loads all views now, not in the threads of the first calls
structs_prepare()
records_lighten()
on_leaving(room.empty)
