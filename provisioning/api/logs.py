"""The log of a run: a stretch of it at a time, or as a stream of events while it is written."""

from contextlib import AbstractContextManager
from typing import ClassVar
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core.callers import Caller
from platform_api.core.errors import MalformedError
from platform_api.core.http import events
from platform_api.core.http.document.operations import Parameter, operation
from platform_api.core.http.filters import FilterInvalidError
from platform_api.core.http.shapes import shape_response
from platform_api.core.http.streams import Portion, streamed
from platform_api.core.ids import Prefix, parse
from platform_api.core.shapes import Shape
from platform_api.core.waiting import Seat
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope
from provisioning.selectors.logs import LOG_LINES, log_lines_after, log_watch, run_followed
from provisioning.selectors.shapes import LogLineShape, log_line_shape
from provisioning.states import FINAL_RUN

END = "end"
"""Name of the event that closes a stream, and its id."""

MOST_DIGITS = 9
"""Of a sequence; as many as fit PostgreSQL's integer whatever they are."""


class LastEventInvalidError(MalformedError):
    """A Last-Event-ID header that is no id of an event of this log."""

    code = "invalid_last_event_id"
    title = "There is no event with this id"
    remedy = "Send the id of the last event that you have of this run, as it came; or none, to begin at the beginning."


AFTER = Parameter(
    "after",
    {"type": "integer", "minimum": 0, "maximum": 10**MOST_DIGITS - 1, "default": 0},
    description="Sequence of the last line you have; 0 for all.",
    raises=(FilterInvalidError,),
)
LAST_EVENT_ID = Parameter(
    "Last-Event-ID",
    {"type": "string", "pattern": rf"^([0-9]{{1,{MOST_DIGITS}}}|{END})?$", "maxLength": MOST_DIGITS},
    Parameter.HEADER,
    description="Where a stream goes on: id of the last event you have, which counts more than `after`. 204 where that "
    f"is `{END}`, so that an `EventSource` comes back no more.",
    raises=(LastEventInvalidError,),
    answers=(204,),
)


class LogShape(Shape):
    """A stretch of a run's log."""

    lines: list[LogLineShape]
    next_after: int
    """Pass it as ``after`` for what comes next."""

    is_complete: bool
    """Whether the run has ended and these are its last lines."""


class LogEndShape(Shape):
    """What the last event of a stream says."""

    status: str
    """How the run ended."""

    lines: int
    """How many there are in all; the sequence of the last one."""


class RunLog(APIView):
    """The log of one run."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.REQUESTS_READ}
    renderer_classes = [JSONRenderer, events.EventRenderer]

    @operation(
        "run_log",
        responses={(200, "application/json"): LogShape, (200, events.TYPE): dict(events.SCHEMA)},
        parameters=[AFTER, LAST_EVENT_ID],
    )
    def get(self, request: Request, run_id: str) -> HttpResponseBase:
        """Show the lines after a sequence, in their order, without gaps.

        To follow a run, pass ``next_after`` as ``after`` until ``is_complete``; or accept ``text/event-stream`` and not
        JSON, and the lines come as they are written: each an event ``line`` with its sequence as id and the same JSON,
        and in the end one event ``end``, whose data are ``{"status": …, "lines": …}``. A stream may close before that:
        come back with ``Last-Event-ID``, as an ``EventSource`` does by itself.
        """
        after = _after(request)
        last = _last_event(request)
        if isinstance(request.accepted_renderer, events.EventRenderer):
            return self._stream(request, run_id, after=after, last=last)
        run = run_followed(caller=caller_of(request), run=run_id)
        rows = log_lines_after(run, sequence=after)
        lines = LogShape(
            lines=[log_line_shape(row) for row in rows],
            next_after=rows[-1].sequence if rows else after,
            is_complete=run.finished_at is not None and len(rows) < LOG_LINES,
        )
        return shape_response(lines)

    def _stream(self, request: Request, run_id: str, *, after: int, last: str | None) -> HttpResponseBase:
        caller = caller_of(request)
        if last == END:
            if run_followed(caller=caller, run=run_id).status not in FINAL_RUN:
                raise LastEventInvalidError("The run has not ended yet.")
            nothing = HttpResponse(status=204)
            del nothing.headers["Content-Type"]
            return nothing
        reader = _Reader(run_id, after=after if last is None else int(last))
        return streamed(reader, request=request, caller=caller)


def _after(request: Request) -> int:
    texts = request.query_params.getlist("after") or ["0"]
    if len(texts) > 1 or not _is_sequence(texts[0]):
        raise FilterInvalidError("after must be a whole number, 0 or more, given once.")
    return int(texts[0])


def _last_event(request: Request) -> str | None:
    """Return the id of the last event that a reader has; None where it has none, which some say with nothing."""
    text = request.headers.get("Last-Event-ID")
    if not text:
        return None
    if text != END and not _is_sequence(text):
        msg = f"Last-Event-ID must be the sequence of a line, or {END}."
        raise LastEventInvalidError(msg)
    return text


def _is_sequence(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS


class _Reader:
    """One who follows a run's log, and how far they have come."""

    def __init__(self, run_id: str, *, after: int) -> None:
        self.thing: UUID = parse(Prefix.RUN, run_id)
        self._run_id, self._after = run_id, after

    def read(self, caller: Caller) -> Portion:
        """Return the lines that are new, and the end after them.

        The run is read first: of one that was over then, all lines are there.
        """
        run = run_followed(caller=caller, run=self._run_id)
        rows = log_lines_after(run, sequence=self._after)
        told = [events.event("line", _json(log_line_shape(row)), mark=str(row.sequence)) for row in rows]
        self._after = rows[-1].sequence if rows else self._after
        has_more = len(rows) == LOG_LINES
        is_last = run.status in FINAL_RUN and not has_more
        if is_last:
            told.append(events.event(END, _json(LogEndShape(status=run.status, lines=self._after)), mark=END))
        return Portion(events=b"".join(told), is_last=is_last, has_more=has_more)

    def watched(self, seat: Seat) -> AbstractContextManager[None]:
        """Have a seat woken whenever the log has grown; the room wakes it when the run ends."""
        return log_watch.over(self.thing, seat)


def _json(shape: Shape) -> bytes:
    return msgspec.json.encode(shape)
