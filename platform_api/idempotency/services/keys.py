"""The same order twice is one order: a key names an order of one caller, and its first answer is given again."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from platform_api.core.errors import RefusedError
from platform_api.idempotency.models import IdempotencyKey

MAX_KEY_LENGTH = 255


class IdempotencyMismatchError(RefusedError):
    """The key was used for something else."""

    code = "idempotency_mismatch"
    title = "The key belongs to another order"
    remedy = "Use a new Idempotency-Key for a new order; repeat the very same body to repeat this one."


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
    """What was answered the first time."""

    status: int
    location: str
    body: bytes


def fingerprint_of(*, route: str, body: Any) -> str:
    """Return what two orders have in common exactly when they are the same: SHA-256 of route and canonical body."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{route}\n{canonical}".encode()).hexdigest()


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
    return StoredAnswer(status=found.status, location=found.location, body=found.answer.encode())


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
        answer=answer.body.decode(),
    )
