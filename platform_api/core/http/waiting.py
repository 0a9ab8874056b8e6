"""``?wait=SECONDS``: holds an answer until what it is about is final."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import connection
from django.db.models import Model
from rest_framework.request import Request

from platform_api.core import metrics, spending
from platform_api.core.callers import Caller
from platform_api.core.errors import MalformedError
from platform_api.core.http.callers import caller_renewed
from platform_api.core.http.document.operations import Parameter
from platform_api.core.waiting import Seat, room

MOST_SECONDS = 60
LOOK_SECONDS = 5.0
"""Who waits looks again so often, unasked; what a lost notice costs at most."""

RENEW_SECONDS = 0.5
"""Who waits is asked so often who they are: a revoked token is refused within a second, held or not."""

NAME = "wait"
LOOK_AGAIN: Mapping[str, str] = {"retry_after": "1"}
"""When to look again, for who was not held, or not until the end; as ``shape_response`` takes it."""


class WaitInvalidError(MalformedError):
    """``wait`` is no number of seconds that an answer is held for."""

    code = "invalid_wait"
    title = "The time to wait is not valid"
    remedy = f"Use wait=0 to wait={MOST_SECONDS}, in whole seconds, once."


WAIT = Parameter(
    NAME,
    {"type": "integer", "minimum": 0, "maximum": MOST_SECONDS, "default": 0},
    description="Seconds for which the answer may be held until it is final. Where it is not final then, or too many "
    "wait already, Retry-After says when to ask again.",
    raises=(WaitInvalidError,),
    headers=("Retry-After",),
)

Found = TypeVar("Found", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Held(Generic[Found]):
    """What was found in the end.

    Attributes:
        found: The thing as it is now.
        is_final: Whether nothing more will become of it by itself.
        headers: What the answer says besides: when to look again, where somebody waits for more.
    """

    found: Found
    is_final: bool
    headers: Mapping[str, str]


def wait_seconds(request: Request) -> int:
    """Return for how many seconds the answer may be held; 0 where nothing is said.

    Raises:
        WaitInvalidError: Not a whole number from 0 to 60, or said twice.
    """
    texts = request.query_params.getlist(NAME)
    if not texts:
        return 0
    text = texts[0]
    if len(texts) > 1 or not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= MOST_SECONDS):  # noqa: PLR2004 - digits
        msg = f"wait must be a whole number from 0 to {MOST_SECONDS}, given once."
        raise WaitInvalidError(msg)
    return int(text)


def held(
    found: Found,
    *,
    request: Request,
    read: Callable[[Caller], Found],
    is_final: Callable[[Found], bool],
    seconds: int,
) -> Held[Found]:
    """Read a thing again each time that something is heard of it, until it is final or the time is over.

    No connection to the database is held meanwhile. Who calls is established anew before each look, and while nothing
    is heard; afterwards ``caller_of(request)`` is who they are now.

    Args:
        found: The thing as it was a moment ago.
        request: The call.
        read: Looks it up again, as the caller may see it now.
        is_final: Whether nothing more will become of it by itself.
        seconds: How long it may take; 0 takes it as it was.

    Raises:
        SlipwayError: The call, were it made now, would be refused.
    """
    if not seconds or is_final(found):
        return _told(found, is_final=is_final(found), seconds=seconds)
    deadline = time.monotonic() + seconds
    with room.seat(found.pk) as seat:
        if seat is None:
            metrics.WAITS.labels("full").inc()
            return _told(found, is_final=False, seconds=seconds)
        while True:
            seat.settle()
            found, left = read(caller_renewed(request)), deadline - time.monotonic()
            if is_final(found) or left <= 0 or room.is_emptied:
                break
            wait_heard(seat, left, request=request)
    metrics.WAITS.labels("final" if is_final(found) else "timeout").inc()
    return _told(found, is_final=is_final(found), seconds=seconds)


def wait_heard(seat: Seat, seconds: float, *, request: Request) -> None:
    """Return when it is time to look again, or so many seconds are over; no connection is held meanwhile.

    Raises:
        SlipwayError: The caller is none any more.
    """
    until = time.monotonic() + min(seconds, LOOK_SECONDS)
    while True:
        let_go_of_connection()
        began = time.monotonic()
        is_woken = seat.wait(min(until - began, RENEW_SECONDS))
        spending.waited(time.monotonic() - began)
        if is_woken or time.monotonic() >= until:
            return
        caller_renewed(request)


def _told(found: Found, *, is_final: bool, seconds: int) -> Held[Found]:
    headers = LOOK_AGAIN if seconds and not is_final else {}
    return Held(found=found, is_final=is_final, headers=headers)


def let_go_of_connection() -> None:
    """Give the connection back to the pool; one in the middle of a transaction stays, and nothing else can be done."""
    if not connection.in_atomic_block:
        connection.close()
