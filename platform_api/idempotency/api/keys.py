"""``Idempotency-Key`` as it comes with a call, and answers that are given again.

The header is a structured-field string: text in quotes (draft-ietf-httpapi-idempotency-key-header).
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from platform_api.core.errors import MalformedError, SlipwayError
from platform_api.core.http.document.operations import Parameter
from platform_api.core.http.shapes import shape_response
from platform_api.core.http.structured import NotAStringItemError, string_item
from platform_api.core.http.waiting import LOOK_AGAIN
from platform_api.idempotency.services.keys import (
    MAX_KEY_LENGTH,
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    OrderKey,
    StoredAnswer,
    answer_keep,
    fingerprint_of,
    key_claimed,
)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
NOT_REPEATABLE = frozenset({"POST", "PATCH"})
"""Methods that HTTP itself does not call safe to repeat; where keys are required, it is of these."""


class IdempotencyKeyInvalidError(MalformedError):
    """The header is there and is no structured-field string: text in quotes, of printable ASCII."""

    code = "invalid_idempotency_key"
    title = "The Idempotency-Key cannot be read"
    remedy = f'Send 1 to {MAX_KEY_LENGTH} printable ASCII characters in double quotes: Idempotency-Key: "order-4711".'


class IdempotencyKeyMissingError(MalformedError):
    """This installation takes no order without a key, so that a repeated one is never a second one."""

    code = "missing_idempotency_key"
    title = "This call needs an Idempotency-Key"
    remedy = 'Send a new random text in double quotes with each order, e.g. Idempotency-Key: "order-4711".'


def _parameter(*raises: type[SlipwayError]) -> Parameter:
    return Parameter(
        HEADER,
        {"type": "string", "pattern": r'^".{1,255}"$', "maxLength": 257},
        Parameter.HEADER,
        description="A text in quotes, new for each order, e.g. a UUID: makes it safe to repeat the call for 24 h.",
        raises=(IdempotencyKeyInvalidError, IdempotencyMismatchError, IdempotencyInProgressError, *raises),
    )


KEY_PARAMETER = _parameter(IdempotencyKeyMissingError)
KEY_OF_REPEATABLE = _parameter()
"""The same for methods that are safe to repeat without a key, so that none is ever required."""


def order_key_of(request: Request, *, caller_id: UUID, route: str, body: Any) -> OrderKey:
    """Return the key of a call.

    Args:
        request: The call.
        caller_id: Whose key it is.
        route: What the body is for; calls that mean the same name the same.
        body: What is asked for, as parsed JSON.

    Raises:
        IdempotencyKeyInvalidError: It is not a string in quotes, or empty, or too long.
        IdempotencyKeyMissingError: There is none, and the installation requires it for this method.
    """
    header = request.headers.get(HEADER)
    if header is None and settings.IDEMPOTENCY_KEY_REQUIRED and request.method in NOT_REPEATABLE:
        raise IdempotencyKeyMissingError
    key = None if header is None else _read(header)
    return OrderKey(caller_id=caller_id, key=key, fingerprint=fingerprint_of(route=route, body=body))


def _read(header: str) -> str:
    try:
        key = string_item(header)
    except NotAStringItemError:
        raise IdempotencyKeyInvalidError("The value is not one text in double quotes.") from None
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        msg = f"The text within the quotes has {len(key)} characters."
        raise IdempotencyKeyInvalidError(msg)
    return key


def replay(stored: StoredAnswer) -> HttpResponse:
    """Answer with what was answered before, byte for byte, and say so."""
    headers = LOOK_AGAIN if stored.status == HTTPStatus.ACCEPTED else {}
    if stored.tag:  # answers that were kept by an earlier version have none
        headers = {**headers, "etag": stored.tag}
    response = shape_response(stored.body, status=stored.status, location=stored.location, **headers)
    response.headers[REPLAYED] = "true"
    return response


def answered_once(order_key: OrderKey, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Carry out a call that is safe to repeat by itself, and answer all calls with its key alike.

    Args:
        order_key: The call's key.
        answer: Carries it out; its answer has ``Location`` and ``ETag``, and holds no secret.

    Raises:
        IdempotencyInProgressError: Another call with this key takes its time.
        IdempotencyMismatchError: The key was used for another body.
    """
    if order_key.key is None:
        return answer()
    with key_claimed(order_key) as stored:
        if stored is not None:
            return replay(stored)
        response = answer()
        given = StoredAnswer(
            status=response.status_code,
            location=response.headers["Location"],
            body=bytes(response.content),
            tag=response.headers["ETag"],
        )
        answer_keep(order_key, given)
    return response
