"""Buckets that all processes share, in the Valkey that also carries hints: a script, a round trip, little patience."""

import hashlib
import threading
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from platform_api.core.rates.breaker import Breaker
from platform_api.core.rates.leases import TOGETHER, Leases
from platform_api.core.rates.terms import Rate, Verdict

SCRIPT = Path(__file__).with_name("take.lua").read_text(encoding="ascii")
_DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

PATIENCE_SECONDS = 0.1
"""For one answer; a healthy Valkey gives it in a hundredth of that."""

PAUSE_SECONDS = 2.0
"""After a call without an answer, this process asks no more for so long."""


class ValkeySilentError(Exception):
    """No answer in time, or none that could be used; callers judge without it."""


class _Line(threading.local):
    """A thread's connection; without a pool, which costs as much as the call."""

    connection: redis.Connection | None = None


class SharedBuckets:
    """One bucket a holder, for all processes together."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet.

        Args:
            url: Where the Valkey is, with its password.
        """
        self._options: dict[str, Any] = {
            **parse_url(url),  # type: ignore[no-untyped-call]  # redis's own reading of its addresses
            "socket_timeout": PATIENCE_SECONDS,
            "socket_connect_timeout": PATIENCE_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,  # no greeting before the first call
        }
        self._line = _Line()
        self._leases = Leases()
        self._breaker = Breaker(seconds=PAUSE_SECONDS)

    def take(self, holder: str, rate: Rate) -> Verdict:
        """Judge one call of a holder.

        Raises:
            ValkeySilentError: It does not answer, or did not a moment ago.
        """
        verdict = self._leases.take(holder, rate)
        if verdict is not None:
            return verdict
        if not self._breaker.may_try():
            raise ValkeySilentError
        arguments = ("1", f"slipway:rate:{holder}", str(rate.interval), str(rate.burst), str(TOGETHER))
        try:
            try:
                answer = self._ask("EVALSHA", _DIGEST, *arguments)
            except NoScriptError:  # a Valkey that was started since
                answer = self._ask("EVAL", SCRIPT, *arguments)
        except RedisError as error:
            self._hang_up()
            self._breaker.failed()
            raise ValkeySilentError from error
        self._breaker.succeeded()
        taken, retry_in, full_in = answer
        if not taken:
            return Verdict.refused(retry_in=retry_in, full_in=full_in)
        return self._leases.keep(holder, rate, taken=taken, full_in=full_in)

    def close(self) -> None:
        """Let go of this thread's connection; others go with their threads."""
        self._hang_up()

    def _ask(self, *words: str) -> Any:
        if self._line.connection is None:
            self._line.connection = self._connect()
        connection: Any = self._line.connection  # its methods are not typed
        connection.send_command(*words, check_health=False)
        return connection.read_response()

    def _connect(self) -> redis.Connection:
        options = {**self._options}
        connect: type[redis.Connection] = options.pop("connection_class", redis.Connection)
        return connect(**options)

    def _hang_up(self) -> None:
        connection: Any = self._line.connection
        if connection is not None:
            connection.disconnect()
