"""Answers that go on while something happens: events are sent as they come, until there are no more.

Whoever reads holds a seat of the waiting room, and with that a thread, but no connection to the database: that goes
back before anything is sent, so a slow reader keeps none. A stream ends between two events, whatever ends it; a reader
comes back and goes on from what it has. It ends after ``STREAM_SECONDS`` anyhow, so that seats go round.
"""

import logging
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from platform_api.core import metrics, spending
from platform_api.core.callers import Caller
from platform_api.core.errors import SlipwayError
from platform_api.core.http.callers import caller_renewed
from platform_api.core.http.events import HEADERS, HEARTBEAT, HINT, TYPE
from platform_api.core.http.exchanges import spent_count
from platform_api.core.http.routes import template_of
from platform_api.core.http.waiting import let_go_of_connection, wait_heard
from platform_api.core.waiting import Seat, room

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Portion:
    """What is new since a reader looked last.

    Attributes:
        events: Whole ones; empty where nothing is new.
        is_last: Whether nothing will follow.
        has_more: Whether more is there already.
    """

    events: bytes
    is_last: bool = False
    has_more: bool = False


class Source(Protocol):
    """What one reader follows; knows how far it has come."""

    thing: UUID
    """What it is about; the room wakes who waits for its end."""

    def read(self, caller: Caller) -> Portion:
        """Return what is new, as the caller may see it now.

        Raises:
            SlipwayError: The caller may not see it, or not any more.
        """

    def watched(self, seat: Seat) -> AbstractContextManager[None]:
        """Have a seat woken whenever something may be new."""


def streamed(source: Source, *, request: Request, caller: Caller) -> HttpResponseBase:
    """Answer with what a source has, and with what comes.

    Where nothing will come, where nobody reads (``HEAD``), and where the room is full, what is there is answered in one
    piece, which takes no thread; a reader comes back for more.

    Args:
        source: What is read, from where the reader stands.
        request: The call.
        caller: Who makes it.

    Raises:
        SlipwayError: The first look is refused; a later one that is ends the stream.
    """
    portion = source.read(caller)
    if portion.is_last:
        return _whole(portion, outcome="end")
    if request.method != "GET":
        return _whole(portion, outcome="left")
    with ExitStack() as places:
        seat = places.enter_context(room.seat(source.thing))
        if seat is None:
            return _whole(portion, outcome="full")
        places.enter_context(source.watched(seat))
        stream = _Stream(source, first=portion, request=request, seat=seat, places=places.pop_all())
    return StreamingHttpResponse(stream, content_type=TYPE, headers=dict(HEADERS))


def _whole(portion: Portion, *, outcome: str) -> HttpResponse:
    metrics.STREAMS.labels(outcome).inc()
    return HttpResponse(HINT + portion.events, content_type=TYPE, headers=dict(HEADERS))


class _Stream:
    """What the server takes one reader's events from, in the thread that answered; it closes it, whatever happens.

    The middleware is through by then. What it bound for the call, such as the correlation id, holds in here as well.
    """

    def __init__(self, source: Source, *, first: Portion, request: Request, seat: Seat, places: ExitStack) -> None:
        self._source, self._request, self._seat, self._places = source, request, seat, places
        self._route = template_of(request._request)  # noqa: SLF001 - Django's own call, as its route is found by
        self._outcome, self._began, self._is_closed = "left", time.monotonic(), False
        self._context, self._chunks = copy_context(), self._chunks_from(first)

    def __iter__(self) -> "_Stream":
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._chunks)

    def close(self) -> None:
        """Give the seat back, also where nothing was sent at all; a second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._context.run(self._chunks.close)
        finally:
            self._places.close()
            self._context.run(self._tell)

    def _chunks_from(self, first: Portion) -> Generator[bytes]:
        try:
            let_go_of_connection()
            yield HINT + first.events
            yield from self._following()
        except SlipwayError:
            self._outcome = "refused"  # as the reader is told when it comes back
        except Exception:
            self._outcome = "fault"
            logger.exception("a stream of %s has failed", self._route)
        finally:
            let_go_of_connection()

    def _following(self) -> Generator[bytes]:
        until = self._began + settings.STREAM_SECONDS
        while True:
            self._seat.settle()
            portion = self._look()
            yield portion.events or HEARTBEAT
            if portion.is_last:
                self._outcome = "end"
            elif room.is_emptied or time.monotonic() >= until:
                self._outcome = "time"
            else:
                if not portion.has_more:
                    wait_heard(self._seat, until - time.monotonic(), request=self._request)
                continue
            return

    def _look(self) -> Portion:
        with spending.Counted() as spent:
            portion = self._source.read(caller_renewed(self._request))
        spent_count(self._route, spent)
        let_go_of_connection()
        return portion

    def _tell(self) -> None:
        seconds = time.monotonic() - self._began
        metrics.STREAMS.labels(self._outcome).inc()
        logger.info(
            "%s streamed for %.1f s: %s",
            self._route,
            seconds,
            self._outcome,
            extra={"route": self._route, "outcome": self._outcome, "duration_ms": round(seconds * 1000, 3)},
        )
