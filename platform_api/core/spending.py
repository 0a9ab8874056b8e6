"""What one exchange has cost so far: queries, time in the database, time of policies, time spent waiting."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connection

from platform_api.core import metrics
from platform_api.core.bindings import Bound


@dataclass
class Spent:
    """Sums of one exchange; times in seconds.

    Attributes:
        queries: Statements sent, without BEGIN and COMMIT.
        database_seconds: Until their answers were there.
        policy_seconds: Until the policy helper had answered.
        waited_seconds: Held on purpose, because the caller asked for it.
    """

    queries: int = 0
    database_seconds: float = 0.0
    policy_seconds: float = 0.0
    waited_seconds: float = 0.0

    def query(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        """Run a statement and add it up; a wrapper as Django wants it."""
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.queries += 1
            self.database_seconds += time.perf_counter() - began


_current: ContextVar[Spent | None] = ContextVar("spent", default=None)


class Counted:
    """Adds up what this thread spends within a ``with``; a class, because each call goes through it."""

    __slots__ = ("_bound", "_wrappers")

    def __enter__(self) -> Spent:
        spent = Spent()
        self._bound, self._wrappers = Bound(_current, spent), connection.execute_wrappers
        self._bound.__enter__()
        self._wrappers.append(spent.query)
        return spent

    def __exit__(self, *error: object) -> None:
        self._wrappers.pop()
        self._bound.__exit__(*error)


class OnPolicies:
    """Counts what is done within a ``with`` as time of policies."""

    __slots__ = ("_began",)

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_error: object) -> None:
        seconds = time.perf_counter() - self._began
        metrics.POLICY_SECONDS.observe(seconds)
        if (spent := _current.get()) is not None:
            spent.policy_seconds += seconds


def waited(seconds: float) -> None:
    """Count seconds for which the exchange was held on purpose."""
    if (spent := _current.get()) is not None:
        spent.waited_seconds += seconds
