"""The same order twice is one order: a key names an order of one caller, and its first answer is given again.

What was refused changed nothing, so it is not kept: asked again under the same key, it is judged again.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from platform_api.core.errors import ConflictError, RefusedError
from platform_api.idempotency.models import IdempotencyKey

MAX_KEY_LENGTH = 255
KEPT_HOURS = 24
"""So long at least an answer is given again."""

LOCK_TIMED_OUT = "55P03"
"""SQLSTATE of ``idempotency_key_lock`` when another call with the key has it for longer than two seconds."""


class IdempotencyMismatchError(RefusedError):
    """The key was used for something else."""

    code = "idempotency_mismatch"
    title = "The key belongs to another order"
    remedy = "Use a new Idempotency-Key for a new order; repeat the very same body to repeat this one."


class IdempotencyInProgressError(ConflictError):
    """Another call with the same key is being answered, and takes its time; nothing was done for this one."""

    code = "idempotency_in_progress"
    title = "A call with this key is still running"
    remedy = "Repeat the very same call as Retry-After says: it is answered like the first one then."

    def __init__(self) -> None:
        super().__init__(retry_after_seconds=1)


@dataclass(frozen=True, kw_only=True)
class OrderKey:
    """A key as it came with a call.

    Attributes:
        caller_id: Whose key it is; two callers may use the same.
        key: The caller's text; None where none was given, and then nothing is kept or found.
        fingerprint: SHA-256 of what was asked, in hex.
    """

    caller_id: UUID
    key: str | None
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """What was answered the first time.

    Attributes:
        status: HTTP status.
        location: Where what came of it is.
        body: Byte for byte.
        tag: Entity tag; empty where it follows from the rest.
    """

    status: int
    location: str
    body: bytes
    tag: str = ""


def fingerprint_of(*, route: str, body: Any) -> str:
    """Return what two orders have in common exactly when they are the same: SHA-256 of route and canonical body."""
    canonical = msgspec.json.encode(body, order="sorted")
    return hashlib.sha256(route.encode() + b"\n" + canonical).hexdigest()


def key_claim(order_key: OrderKey) -> None:
    """Keep other calls with this key waiting until the present transaction has ended; waits for such a one itself.

    Raises:
        IdempotencyInProgressError: It has waited for two seconds.
    """
    if order_key.key is None:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT idempotency_key_lock(%s, %s)", [order_key.caller_id, order_key.key])
    except OperationalError as error:
        if not is_in_progress(error):
            raise
        raise IdempotencyInProgressError from error


@contextmanager
def key_claimed(order_key: OrderKey) -> Iterator[StoredAnswer | None]:
    """Give the first answer to this key, or None where it is new: then what is done and its answer are one transaction.

    Raises:
        IdempotencyInProgressError: Another call with this key takes its time.
        IdempotencyMismatchError: The key was used for another body.
    """
    with transaction.atomic():
        key_claim(order_key)
        yield answer_find(order_key)


def is_in_progress(error: OperationalError) -> bool:
    """Tell whether a statement failed because another call had the key for too long."""
    return getattr(error.__cause__, "sqlstate", None) == LOCK_TIMED_OUT


def answer_find(order_key: OrderKey) -> StoredAnswer | None:
    """Return the first answer to this key, or None where it is new.

    Raises:
        IdempotencyMismatchError: The key was used for another body.
    """
    if order_key.key is None:
        return None
    found = IdempotencyKey.objects.filter(caller_id=order_key.caller_id, key=order_key.key).first()
    if found is None:
        return None
    if found.fingerprint != order_key.fingerprint:
        raise IdempotencyMismatchError
    return StoredAnswer(status=found.status, location=found.location, body=found.answer.encode(), tag=found.tag)


def answer_keep(order_key: OrderKey, answer: StoredAnswer) -> None:
    """Keep an answer, in the transaction of what it answers; an answer that holds a secret must never come here.

    Raises:
        IntegrityError: Another call with this key was faster.
    """
    if order_key.key is None:
        return
    IdempotencyKey.objects.create(
        caller_id=order_key.caller_id,
        key=order_key.key,
        fingerprint=order_key.fingerprint,
        status=answer.status,
        location=answer.location,
        tag=answer.tag,
        answer=answer.body.decode(),
    )


def keys_sweep() -> int:
    """Forget keys older than a day, and return how many; any number of processes may do so at once."""
    forgotten, _ = IdempotencyKey.objects.filter(created_at__lt=Now() - timedelta(hours=KEPT_HOURS)).delete()
    return forgotten
