"""Logs of runs: read from where a reader stands, and watched for more."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import IntegerField, QuerySet

from platform_api.core.callers import Caller
from platform_api.core.compiled import Slot, compiled, uuid_slot
from platform_api.core.ids import Prefix, UnknownIdError, parse
from platform_api.core.statements import statement_run
from platform_api.core.watching import Watch
from platform_api.tenancy.selectors.sight import Sight, seen_by
from provisioning.models import LogLine, Run
from provisioning.selectors.resources import runs_seen

LOG_LINES = 500
"""Lines that are read at once."""

# Backwards through the primary key, so that it costs the same however long a log is.
_SIZES = """
SELECT asked.id, newest.sequence FROM unnest(%(runs)s::uuid[]) AS asked (id) CROSS JOIN LATERAL (
    SELECT sequence FROM log_line WHERE run_id = asked.id ORDER BY sequence DESC LIMIT 1
) AS newest
"""


@compiled
def _followed(*, is_overseer: bool) -> QuerySet[Run]:
    runs = runs_seen(Sight.slotted(is_overseer=is_overseer))
    return runs.filter(pk=uuid_slot("run")).only("pk", "status", "finished_at")


def run_followed(*, caller: Caller, run: str) -> Run:
    """Return one run by id with what its reader has to know: whether it is over. Read it before its lines.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
    """
    found = _followed(is_overseer=caller.is_overseer).first(run=parse(Prefix.RUN, run), **seen_by(caller))
    if found is None:
        raise UnknownIdError
    return found


@compiled
def _lines_after() -> QuerySet[LogLine]:
    after = Slot("sequence", IntegerField())
    return LogLine.objects.filter(run_id=uuid_slot("run"), sequence__gt=after).order_by("sequence")[:LOG_LINES]


def log_lines_after(run: Run, *, sequence: int) -> list[LogLine]:
    """Return the next lines of a run's log after one, in their order; fewer than ``LOG_LINES`` are all there are."""
    return _lines_after().run(run=run.pk, sequence=sequence)


def _sizes(runs: Sequence[UUID]) -> Mapping[UUID, int]:
    """Return the sequence of each run's last line; asked on the platform's account, and told to nobody."""
    return dict(statement_run(_SIZES, {"runs": list(runs)}))


log_watch = Watch("slipway-lines", _sizes)
"""Wakes who follows a log when it has grown."""
