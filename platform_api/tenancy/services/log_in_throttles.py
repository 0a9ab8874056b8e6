"""Guessing is made slow: so many failed attempts in a window, by name, by address, and of codes.

The counts stand in PostgreSQL, where each is taken by one statement before anything is compared: guesses that are made
at once, on many processes, cannot slip through together. Without the database nobody logs in anyway.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils.crypto import salted_hmac

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core import clock
from platform_api.core.addresses import neighborhood_of
from platform_api.core.callers import Caller
from platform_api.core.errors import ThrottledError

WINDOW = timedelta(minutes=5)
NAME_LIMIT = 10
"""Of one name, whether somebody has it or not."""
ADDRESS_LIMIT = 50
"""Of one address: an office may sit behind it."""
CODE_LIMIT = 5
"""Codes of one person: at most 1 440 a day of a million, and only for who knows the password."""

STALE_ROWS = 100
"""Closed windows that one attempt clears away, at most."""

TAKE = """
WITH stale AS (
    DELETE FROM log_in_throttle WHERE key IN (
        SELECT key FROM log_in_throttle WHERE ends_at <= %(now)s AND key <> %(key)s
        ORDER BY ends_at LIMIT %(stale)s FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO log_in_throttle AS known (key, taken, ends_at) VALUES (%(key)s, 1, %(ends_at)s)
ON CONFLICT (key) DO UPDATE SET
    taken = CASE WHEN known.ends_at <= %(now)s THEN 1 ELSE known.taken + 1 END,
    ends_at = CASE WHEN known.ends_at <= %(now)s THEN excluded.ends_at ELSE known.ends_at END
RETURNING taken, ends_at
"""

GIVE_BACK = "UPDATE log_in_throttle SET taken = taken - 1 WHERE key = ANY(%s) AND taken > 0"


class LogInThrottledError(ThrottledError):
    """Too many attempts; the answer is the same whether the name is somebody's or nobody's."""

    code = "log_in_throttled"
    title = "Too many attempts to log in"


@dataclass(frozen=True)
class Bucket:
    """What attempts are counted by.

    Attributes:
        key: Which count; a digest, because people type passwords into the field for the name.
        limit: How many attempts fit into a window.
    """

    key: str
    limit: int


def name_bucket(username: str) -> Bucket:
    """Return the count of a name that was typed."""
    return Bucket(_key("name", username), NAME_LIMIT)


def address_bucket(ip: str | None) -> Bucket:
    """Return the count of an address; an IPv6 address counts with its neighbors."""
    return Bucket(_key("address", neighborhood_of(ip)), ADDRESS_LIMIT)


def code_bucket(user_id: UUID) -> Bucket:
    """Return the count of a person's codes."""
    return Bucket(_key("code", str(user_id)), CODE_LIMIT)


def attempt_take(*buckets: Bucket, caller: Caller) -> None:
    """Count an attempt, before it is judged.

    Args:
        buckets: What to count it by; the first that is full refuses, and those after it stay as they are.
        caller: Who tries. The attempt that finds a count full is recorded, those that follow are not.

    Raises:
        LogInThrottledError: Says after how many seconds the window closes.
    """
    now = clock.now()
    for bucket in buckets:
        with connection.cursor() as cursor:
            cursor.execute(TAKE, {"key": bucket.key, "now": now, "ends_at": now + WINDOW, "stale": STALE_ROWS})
            taken, ends_at = cursor.fetchone()
        if taken <= bucket.limit:
            continue
        what = bucket.key.partition(":")[0]
        if taken == bucket.limit + 1:
            event_record(
                caller=caller,
                action="log_in.throttled",
                object_type="log_in",
                object_name=what,
                outcome=Outcome.REFUSED,
                code=LogInThrottledError.code,
                reason=LogInThrottledError.title,
            )
        wait = ends_at - now
        raise LogInThrottledError(
            remedy=f"Try again in {wait // timedelta(minutes=1) + 1} min.",
            retry_after_seconds=max(1, round(wait.total_seconds())),
        )


def attempt_give_back(*buckets: Bucket) -> None:
    """Count an attempt no more: it was right."""
    with connection.cursor() as cursor:
        cursor.execute(GIVE_BACK, [[bucket.key for bucket in buckets]])


def _key(kind: str, whose: str) -> str:
    return f"{kind}:{salted_hmac('platform_api.tenancy.log_in_throttle', whose, algorithm='sha256').hexdigest()}"
