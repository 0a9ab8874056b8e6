"""The same ask again: what its first call was answered is given to who may see what came of it, and to nobody else."""

from platform_api.core.ids import UnknownIdError
from platform_api.idempotency.services.keys import answer_find
from provisioning.selectors.resources import request_get
from provisioning.services.ordering.asks import Answer, Exchange


def answer_repeated(exchange: Exchange) -> Answer | None:
    """Return the answer that was given to this key before.

    A key is a user's, and a user's tokens reach differently far: one that does not see the request is answered as if
    the key were new.

    Args:
        exchange: Who asks, and under which key.

    Raises:
        IdempotencyMismatchError: The key was used for another ask.
    """
    stored = answer_find(exchange.order_key)
    if stored is None:
        return None
    try:
        request_get(caller=exchange.caller, request=stored.location.rpartition("/")[2])
    except UnknownIdError:
        return None
    return Answer(body=stored.body, location=stored.location, is_replay=True)
