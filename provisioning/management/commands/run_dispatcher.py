"""``run_dispatcher``: wakes workers when there is work, and comes back for what others left."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection

from platform_api.core.connections import connect_apart
from platform_api.core.failpoints import failpoint
from platform_api.core.locks import Turns
from platform_api.core.metrics_listener import listener_start
from provisioning import metrics
from provisioning.dispatch import CHANNEL, LISTENER
from provisioning.hints import hints_send
from provisioning.services.hinting import runs_to_hint, runs_unhint
from provisioning.services.reconcile import reconcile

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 2.0
"""A lost NOTIFY costs so long at most."""

RECONCILE_SECONDS = 5.0
RECONNECT_SECONDS = 1.0
FAREWELL_SECONDS = 10.0
"""For a pass of the reconciler to end; one that is cut off is undone by PostgreSQL, and made by the next."""


class Command(BaseCommand):
    help = "Forward waiting runs to workers, and reconcile. Any number of these may run."
    requires_system_checks = []  # they load what only the API needs, and keep it: a third of this process

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._stopping = threading.Event()

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT.

        1. Hints: listen on a connection of its own. On a notification, or each ``SWEEP_SECONDS``: mark waiting runs,
           send hints.
        2. In a thread, which no hint waits for: each ``RECONCILE_SECONDS`` one pass of the reconciler.
        3. SIGTERM ends between two pieces of that, each of which is committed by itself.
        4. A database that does not answer is tried again; a broker that does not costs its socket timeout.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        metrics.counters_begin()
        listener_start(settings.DISPATCHER_METRICS_PORT)
        slots = ", ".join(f"{count} in {pool}" for pool, count in settings.WORKER_SLOTS.items())
        logger.info("dispatcher up, worker slots: %s", slots)
        reconciler = threading.Thread(target=self._persist, args=(self._reconcile,), name="reconciler", daemon=True)
        reconciler.start()
        self._persist(self._hint)
        reconciler.join(timeout=FAREWELL_SECONDS)

    def _stop(self, *_: object) -> None:
        self._stopping.set()

    def _persist(self, work: Callable[[], None]) -> None:
        """Do work that goes on until it is stopped, and begin again when it breaks."""
        while not self._stopping.is_set():
            try:
                work()
            except (DatabaseError, psycopg.Error):
                logger.warning("the database does not answer; tried again in %g s", RECONNECT_SECONDS)
            except Exception:
                logger.exception(
                    "%s broke off; tried again in %g s", threading.current_thread().name, RECONNECT_SECONDS
                )
            else:
                continue
            connection.close()
            self._stopping.wait(RECONNECT_SECONDS)

    def _hint(self) -> None:
        slots = settings.WORKER_SLOTS
        with connect_apart(name=LISTENER) as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            while not self._stopping.is_set():
                close_old_connections()
                due, marked_at = runs_to_hint(slots=slots), time.monotonic()
                if due:
                    failpoint("dispatcher.after_notify")
                sent = hints_send(due, slots=slots)
                metrics.hints_sent(due[:sent], seconds=time.monotonic() - marked_at)
                if untold := due[sent:]:
                    runs_unhint(untold)
                for _ in listener.notifies(timeout=SWEEP_SECONDS, stop_after=1):
                    pass

    def _reconcile(self) -> None:
        with closing(Turns()) as turns:
            while not self._stopping.is_set():
                began = time.monotonic()
                close_old_connections()
                with metrics.RECONCILE.time():
                    reconcile(turns=turns, should_stop=self._stopping.is_set)
                metrics.RECONCILED.set_to_current_time()
                self._stopping.wait(max(0.0, RECONCILE_SECONDS - (time.monotonic() - began)))
