"""The lease of a run is kept by a thread with a connection of its own, so that no long step can starve it.

1. Each heartbeat extends the lease, if this worker's epoch is still the run's, and learns whether a cancel was asked
   for or the deadline has passed; both by the database's clock.
2. No row: another took over. No good answer for ``fence_seconds`` of boot-time clock (which counts a suspended
   machine): another may have. Either way the lease is lost for good, and the work is stopped.
3. A worker whose main thread hangs does not live by its heartbeats: so long after the deadline none is taken any more.
4. What has to be written waits for a database that is away (``Lease.ride``), as long as the lease may hold.
"""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import psycopg
from django.db import InterfaceError, OperationalError, connection

from platform_api.core import clock
from platform_api.core.connections import connect_apart
from platform_api.core.failpoints import failpoint
from provisioning.services.execution.claims import Claim, LeaseLostError, LeaseTerms

logger = logging.getLogger(__name__)

STATEMENT_TIMEOUT_MS = 5000

OVERDUE_SECONDS = 90
"""After its deadline a run has so long to be stopped and written down: the whole ladder of Terraform, and a margin."""

RIDE_SECONDS = 0.25
"""Between two tries of a write while the database is away."""

Written = TypeVar("Written")

_HEARTBEAT = """
UPDATE run SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = %(run_id)s AND epoch = %(epoch)s AND lease_owner = %(owner)s
    AND (deadline IS NULL OR deadline + make_interval(secs => %(overdue)s) > clock_timestamp())
RETURNING cancel_requested_at IS NOT NULL, deadline < clock_timestamp()
"""


def heartbeat(
    own: psycopg.Connection[tuple[bool, bool | None]], claim: Claim, terms: LeaseTerms
) -> tuple[bool, bool | None] | None:
    """Extend a lease; tell whether a cancel was asked for and whether the deadline has passed, None where it is lost.

    Args:
        own: A connection that does nothing else meanwhile.
        claim: What is held.
        terms: For how long it holds from now on.
    """
    values = {
        "lease": float(terms.lease_seconds),
        "run_id": claim.run_id,
        "epoch": claim.epoch,
        "owner": claim.owner,
        "overdue": float(OVERDUE_SECONDS),
    }
    return own.execute(_HEARTBEAT, values).fetchone()


class Lease:
    """A held lease; use as a context manager. Readable from any thread.

    Attributes:
        is_lost: Another took over, or may have: stop, and write nothing.
        is_cancel_requested: Somebody asked to stop this run.
        is_overdue: The run's deadline has passed.
    """

    def __init__(self, claim: Claim, terms: LeaseTerms) -> None:
        self.claim, self.terms = claim, terms
        self.is_lost = self.is_cancel_requested = self.is_overdue = False
        self._good_at = clock.boot_seconds()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{claim.epoch}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=STATEMENT_TIMEOUT_MS / 1000 * 2)

    def should_stop(self) -> bool:
        """Tell whether the work must end before its time; judged anew at each call, also by the boot-time clock."""
        if clock.boot_seconds() - self._good_at >= self.terms.fence_seconds:
            self.is_lost = True
        return self.is_lost or self.is_cancel_requested or self.is_overdue

    def ride(self, write: Callable[[], Written]) -> Written:
        """Write, and again while the database does not answer; outside of transactions only.

        A write may come twice, where its answer was lost: the fence of a move then finds nothing to move.

        Args:
            write: What is written; ends its own transaction.

        Raises:
            LeaseLostError: Another took over, or may have while the database was away.
        """
        while True:
            try:
                return write()
            except (OperationalError, InterfaceError):
                connection.close()
                self.should_stop()
                if self.is_lost:
                    raise LeaseLostError from None
                logger.warning("run %s: the database does not answer; tried again", self.claim.run_id)
                time.sleep(RIDE_SECONDS)

    def _keep(self) -> None:
        # The claim was the first sign of life; most runs end before the second is due, and need no connection.
        self._ended.wait(self.terms.heartbeat_seconds)
        while not self._ended.is_set() and not self.is_lost:
            try:
                with connect_apart(name="slipway-lease", statement_timeout_ms=STATEMENT_TIMEOUT_MS) as own:
                    self._beat_on(own)
            except psycopg.OperationalError:
                with self.claim.bound():
                    logger.warning("run %s: a heartbeat got no answer", self.claim.run_id)
                self._ended.wait(min(1.0, self.terms.heartbeat_seconds / 4))
            self.should_stop()

    def _beat_on(self, own: psycopg.Connection[tuple[bool, bool | None]]) -> None:
        while not self._ended.is_set():
            asked_at = clock.boot_seconds()
            failpoint("lease.heartbeat")
            row = heartbeat(own, self.claim, self.terms)
            if row is None:
                self.is_lost = True
                return
            self._good_at = asked_at
            is_cancel_requested, is_overdue = row
            self.is_cancel_requested = self.is_cancel_requested or is_cancel_requested
            self.is_overdue = self.is_overdue or bool(is_overdue)
            self._ended.wait(self.terms.heartbeat_seconds)
