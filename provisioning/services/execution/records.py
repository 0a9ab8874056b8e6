"""What a run leaves while it works: log lines without gaps, and every valid state, sealed. Fenced like all else."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from platform_api.core import clock, sealing
from platform_api.core.ids import new_id
from platform_api.terraform.journal import JournalEntry, StepStatus
from platform_api.terraform.state import StateVersion as TerraformState
from provisioning.models import Run, StateVersion
from provisioning.models.logs import LogSource
from provisioning.services.execution.claims import Claim, LeaseLostError, fenced

FLUSH_LINES = 200
FLUSH_SECONDS = 0.2
"""A line waits so long for others at most, and a chatty run costs five inserts a second."""

LINE_LENGTH = 4000

# The fence is the update: a worker that was overtaken finds no row, and writes no line.
_INSERT_LINES = """
WITH mine AS (
    UPDATE run SET progress = coalesce(%(progress)s::jsonb, progress)
    WHERE id = %(run_id)s::uuid AND epoch = %(epoch)s AND lease_owner = %(owner)s
    RETURNING id
), written AS (
    INSERT INTO log_line (run_id, sequence, at, source, level, line, event)
    SELECT mine.id, line.sequence, line.at, line.source, line.level, line.line, line.event
    FROM mine, jsonb_to_recordset(%(lines)s::jsonb)
        AS line(sequence int, at timestamptz, source text, level text, line text, event jsonb)
    ON CONFLICT DO NOTHING  -- lines of a batch that was committed while its answer was lost
)
SELECT FROM mine
"""

_INSERT_STATE = """
INSERT INTO state_version (id, resource_id, run_id, epoch, lineage, serial, sealed, created_at)
SELECT %(id)s::uuid, %(resource_id)s::uuid, %(run_id)s::uuid, %(epoch)s::bigint, %(lineage)s, %(serial)s::bigint,
    %(sealed)s::bytea, clock_timestamp()
WHERE EXISTS (
    SELECT FROM run WHERE id = %(run_id)s::uuid AND epoch = %(epoch)s::bigint AND lease_owner = %(owner)s FOR SHARE
)
ON CONFLICT (resource_id, lineage, serial) DO NOTHING
"""


def _at_once(write: Callable[[], None]) -> None:
    write()


@dataclass
class RunLog:
    """The log of one claimed run; lines are numbered here and written in batches."""

    claim: Claim
    sequence: int
    ride: Callable[[Callable[[], None]], None] = _at_once
    """Carries a write through a time without a database; see ``Lease.ride``."""

    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _progress: dict[str, Any] | None = None
    _flushed_at: float = field(default_factory=clock.boot_seconds)

    @classmethod
    def resume(cls, claim: Claim, *, ride: Callable[[Callable[[], None]], None] = _at_once) -> "RunLog":
        """Go on numbering where an earlier attempt of the run ended."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(sequence), 0) FROM log_line WHERE run_id = %s", [claim.run_id])
            (last,) = cursor.fetchone() or (0,)
        return cls(claim=claim, sequence=int(last), ride=ride)

    def write(
        self,
        line: str,
        *,
        source: LogSource = LogSource.PLATFORM,
        level: str = "info",
        event: dict[str, Any] | None = None,
        at: datetime | None = None,
        progress: dict[str, Any] | None = None,
    ) -> None:
        """Add a line; written at once when enough wait, else with the next batch.

        Args:
            line: Text, redacted already.
            source: Who speaks.
            level: ``info``, ``warn`` or ``error``.
            event: Terraform's own record, redacted already.
            at: When it was said; now by default.
            progress: How far the run is since this line, in the API's shape; written with it.
        """
        self.sequence += 1
        self._waiting.append(
            {
                "sequence": self.sequence,
                "at": (at or clock.now()).isoformat(),
                "source": source.value,
                "level": level,
                "line": _storable(line)[:LINE_LENGTH],
                "event": _storable(event),
            }
        )
        self._progress = progress or self._progress
        if len(self._waiting) >= FLUSH_LINES:
            self.flush()
        self.flush_due()

    def flush_due(self) -> None:
        """Write what has waited long enough; asked from time to time, so that no line waits for the next one.

        Raises:
            LeaseLostError: Another took over; nothing was written.
        """
        if clock.boot_seconds() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            LeaseLostError: Another took over; nothing was written.
        """
        self._flushed_at = clock.boot_seconds()
        if self._waiting:
            self.ride(self._insert)
            self._waiting, self._progress = [], None

    def _insert(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                _INSERT_LINES,
                {
                    "run_id": self.claim.run_id,
                    "epoch": self.claim.epoch,
                    "owner": self.claim.owner,
                    "lines": json.dumps(self._waiting),
                    "progress": None if self._progress is None else json.dumps(self._progress),
                },
            )
            if cursor.fetchone() is None:
                raise LeaseLostError


def _storable(value: Any) -> Any:
    """Return a JSON value whose texts PostgreSQL can keep: without NUL, and lone surrogates as question marks."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def state_store(claim: Claim, *, lineage: str, serial: int, content: bytes) -> None:
    """Keep a state that Terraform wrote; one that is kept already changes nothing.

    Raises:
        LeaseLostError: Another took over; nothing was kept.
    """
    place = StateVersion.place(resource_id=claim.resource_id, lineage=lineage, serial=serial)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _INSERT_STATE,
            {
                "id": new_id(),
                "resource_id": claim.resource_id,
                "run_id": claim.run_id,
                "epoch": claim.epoch,
                "owner": claim.owner,
                "lineage": lineage,
                "serial": serial,
                "sealed": sealing.seal(content, place=place),
            },
        )
        # A conflict is no loss: an apply that fails early ends with the very state that it began with.
        if cursor.rowcount == 0 and not Run.objects.filter(fenced(claim)).exists():
            raise LeaseLostError


def state_newest(resource_id: UUID) -> bytes | None:
    """Return the newest kept state of a resource, opened; None where there is none.

    Newest is what the newest claim kept last, by the database's clock: ids count by the clocks of many hosts.
    """
    version = StateVersion.objects.filter(resource_id=resource_id).order_by("-epoch", "-created_at").first()
    if version is None:
        return None
    place = StateVersion.place(resource_id=resource_id, lineage=version.lineage, serial=version.serial)
    return sealing.unseal(bytes(version.sealed), place=place)


def objects_left(state: TerraformState | None, journal: Sequence[JournalEntry] = ()) -> tuple[str, ...]:
    """Return addresses of what exists after an apply, or may: what was begun and never reported back is in doubt.

    Args:
        state: The newest one; None if Terraform wrote none.
        journal: What the apply told of each object.
    """
    known = () if state is None else state.addresses
    there = frozenset() if state is None else state.instances
    # What is done may be missing from the state, too, where there was no room, or no time, to write it down.
    doubtful = (
        entry.address
        for entry in journal
        if entry.status is StepStatus.STARTED
        or (entry.status is StepStatus.COMPLETE and entry.action == "create" and entry.address not in there)
    )
    return tuple(dict.fromkeys((*known, *doubtful)))
