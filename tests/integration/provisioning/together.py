"""Many calls at the same moment, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

from governance.services import policy_client

Result = TypeVar("Result")


def at_once(count: int, call: Callable[[int], Result]) -> list[Result]:
    """Return what the calls return; they are given their number."""
    together = threading.Barrier(count)

    def one(number: int) -> Result:
        together.wait(timeout=30)
        try:
            return call(number)
        finally:
            connection.close()
            policy_client._hang_up()  # the thread's own line, which would be left open

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))
