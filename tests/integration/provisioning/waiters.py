"""Callers who wait for something to end, each in a thread of their own."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import connection

from provisioning.models import Resource
from tests.integration.provisioning.house import House

PATIENCE_SECONDS = 30
"""How long a test waits for what must happen; half of what a waiter that nobody woke would take."""


def until(is_so: Callable[[], bool]) -> None:
    """Return when something is so; fail the test if it does not become so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


class Callers:
    """Calls in threads, each with a database connection of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(64)

    def call(self, do: Callable[[], Any]) -> Future[Any]:
        """Make a call; it goes on while the test does."""

        def apart() -> Any:
            try:
                return do()
            finally:
                connection.close()

        return self._threads.submit(apart)


def got(answer: Future[Any]) -> Any:
    """Return what a call was answered with in the end."""
    return answer.result(PATIENCE_SECONDS)


def requested(house: House, **changes: Any) -> tuple[Resource, str]:
    """Order something, and return it with the address of its request."""
    answer = house.order(**changes)
    resource = Resource.objects.get(name=changes.get("name", "invoices"))
    return resource, answer.headers["Location"]
