"""``keep_limits``: trims queues and caches that have grown beyond their plan, again and again."""

import logging
import signal
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection

from catalog.services.limits import connections_keep

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
"""How long a queue can be longer than its limit, if the pass itself takes no time."""

PAUSE_SHARE = 9
"""A pass that takes long is followed by a pause so many times as long: large caches cost the server a tenth of its
time at most."""


class Command(BaseCommand):
    help = "Keep queues and caches within their limits. Any number of these may run; one is enough."
    requires_system_checks = []  # they load what only the API needs, and keep it: a third of this process

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; a database that does not answer is tried again."""
        is_over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: is_over.set())
        logger.info("limits are kept")
        took = 0.0
        while not is_over.wait(max(PAUSE_SECONDS, PAUSE_SHARE * took)):
            began = time.monotonic()
            try:
                close_old_connections()
                connections_keep()
            except DatabaseError:
                logger.warning("the database does not answer; tried again in %g s", PAUSE_SECONDS)
                connection.close()
            took = time.monotonic() - began
