"""Calls at the same moment from many threads of many processes, which share nothing but the database."""

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from multiprocessing import get_context
from typing import Any

from django.conf import settings

from tests.integration.provisioning import environment_process, order_process
from tests.integration.provisioning.house import House

PROCESSES = 4


@contextmanager
def processes(house: House, count: int = PROCESSES) -> Iterator[Executor]:
    """Give processes that begin together, all of them or none."""
    context = get_context("spawn")
    arguments: Any = (house.database, settings.POLICY_SOCKET, context.Barrier(count))
    start: Any = environment_process.start  # mypy takes an initializer for one without arguments
    with ProcessPoolExecutor(count, mp_context=context, initializer=start, initargs=arguments) as pool:
        yield pool


def fifty(house: House, method: str, address: str, *bodies: Any, **headers: str) -> list[order_process.Answer]:
    """Make fifty calls at once as the owner, each with the next of the bodies, from five processes."""
    call = order_process.Call(house.owner.secret, method, address, list(bodies), headers)
    with processes(house, 5) as pool:
        batches = pool.map(order_process.calls, repeat(10, 5), repeat(call))
        return [answer for batch in batches for answer in batch]
