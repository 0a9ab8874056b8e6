"""A customer's program on a Valkey: knows nothing but the address that was revealed to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from platform_api.embedded.demo.stage import Stage

_ANSWER_SECONDS = 10

NO_PERMISSION = "NOPERM"
"""The server's word for what a user may not do."""

Client = Any
"""A ``redis.Redis``; by its types each answer may be a text, bytes, a number or None."""


@contextmanager
def connected(stage: Stage, uri: str) -> Iterator[Client]:
    """Give a client for the block.

    Raises:
        ExpectationError: The server refuses something, or does not answer.
    """
    try:
        with _client(uri) as client:
            yield client
    except RedisError as error:
        raise stage.failure(
            "the customer's Valkey serves its owner", expected="an answer", came=_said(error)
        ) from error


def error_of(client: Client, *command: str) -> str:
    """Give a command, and tell the error that comes; empty when it is carried out."""
    try:
        client.execute_command(*command)
    except NoPermissionError:
        return NO_PERMISSION
    except ResponseError as error:
        return str(error)
    return ""


def refusal_of(stage: Stage, uri: str) -> str:
    """Try to log in, and tell what the server says to that; empty when it lets one in.

    Raises:
        ExpectationError: Something else than the log-in is in the way.
    """
    with connected(stage, uri) as client:
        try:
            client.ping()
        except AuthenticationError as error:
            return str(error)
    return ""


def _client(uri: str) -> Client:
    return redis.Redis.from_url(
        uri, decode_responses=True, socket_connect_timeout=_ANSWER_SECONDS, socket_timeout=_ANSWER_SECONDS
    )


def _said(error: RedisError) -> str:
    return str(error).strip() or type(error).__name__
