"""``run_dispatcher``: wakes workers when there is work, and comes back for what others left."""

import logging
import signal
import time
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection

from platform_api.core.connections import connect_apart
from platform_api.core.failpoints import failpoint
from platform_api.core.metrics_listener import listener_start
from provisioning import metrics
from provisioning.dispatch import CHANNEL
from provisioning.hints import hints_send
from provisioning.services.hinting import runs_to_hint, runs_unhint
from provisioning.services.reconcile import reconcile

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 2.0
"""A lost NOTIFY costs so long at most."""

RECONCILE_SECONDS = 5.0
RECONNECT_SECONDS = 1.0


class Command(BaseCommand):
    help = "Forward waiting runs to workers, and reconcile. Any number of these may run."
    requires_system_checks = []  # they load what only the API needs, and keep it: a third of this process

    _is_stopping = False

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT.

        1. Listen on a connection of its own.
        2. On a notification, or each ``SWEEP_SECONDS``: mark waiting runs, send hints.
        3. Each ``RECONCILE_SECONDS``: one pass of the reconciler.
        4. A database that does not answer is tried again; a broker that does not costs its socket timeout.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        metrics.counters_begin()
        listener_start(settings.DISPATCHER_METRICS_PORT)
        logger.info("dispatcher up, %d worker slots", settings.WORKER_SLOTS)
        while not self._is_stopping:
            try:
                self._listen()
            except (DatabaseError, psycopg.Error):
                logger.warning("the database does not answer; tried again in %g s", RECONNECT_SECONDS)
                connection.close()
                time.sleep(RECONNECT_SECONDS)

    def _stop(self, *_: object) -> None:
        self._is_stopping = True

    def _listen(self) -> None:
        with connect_apart(name="slipway-listen") as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            reconciled_at = 0.0
            while not self._is_stopping:
                close_old_connections()
                if time.monotonic() - reconciled_at >= RECONCILE_SECONDS:
                    with metrics.RECONCILE.time():
                        reconcile()
                    metrics.RECONCILED.set_to_current_time()
                    reconciled_at = time.monotonic()
                due, marked_at = runs_to_hint(slots=settings.WORKER_SLOTS), time.monotonic()
                if due:
                    failpoint("dispatcher.after_notify")
                sent = hints_send(due)
                metrics.hints_sent(due[:sent], seconds=time.monotonic() - marked_at)
                if untold := due[sent:]:
                    runs_unhint(untold)
                for _ in listener.notifies(timeout=SWEEP_SECONDS, stop_after=1):
                    pass
