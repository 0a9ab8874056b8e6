"""Calls that wait for something to become final, and what they cost the others."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import repeat
from statistics import median
from typing import Any

from benchmarks.figures import say
from benchmarks.load import request_bytes
from benchmarks.rounds import PAIRS, sample_take
from benchmarks.stack import Stack

WAITERS, WAIT_SECONDS = 40, 15
"""They have to wait for longer than it takes to send them all and to measure beside them."""

SETTLE_SECONDS, TRIES = 0.5, 6
OK = 200


def waiters_figures(stack: Stack, tokens: Mapping[str, str]) -> dict[str, Any]:
    """Compare the rate of reading a resource with and without 40 calls held by ``?wait=``."""
    token = next(iter(tokens.values()))
    request = stack.read("requests?limit=1", token)["results"][0]
    held_path = f"/api/v1/requests/{request['id']}?wait={WAIT_SECONDS}"
    read = repeat(request_bytes("GET", f"/api/v1/requests/{request['id']}", token=token))
    ratios = []
    for number in range(PAIRS):
        say(f"waiters: {number + 1} of {PAIRS}")
        alone = sample_take(stack.port, read, status=OK).rate
        with _held(stack.port, request_bytes("GET", held_path, token=token)) as still_held:
            beside = sample_take(stack.port, read, status=OK).rate
            if still_held() < WAITERS:
                msg = f"only {still_held()} of {WAITERS} calls were held"
                raise RuntimeError(msg)
        ratios.append(beside / alone)
    return {"waiters_ratio": round(median(ratios), 3), "waiters": WAITERS}


@contextmanager
def _held(port: int, request: bytes) -> Iterator[Callable[[], int]]:
    """Have calls waiting; gives a function that counts those that were not answered.

    A process that has enough of them answers at once, so that some have to call again until they reach the other. They
    are heard to their end: a server does not notice that somebody has hung up, and keeps the place taken.
    """
    with ExitStack() as stack:
        lines = [_call(stack, port, request) for _ in range(WAITERS)]
        for _ in range(TRIES):
            time.sleep(SETTLE_SECONDS)
            lines = [line if _is_held(line) else _call(stack, port, request) for line in lines]
        yield lambda: sum(map(_is_held, lines))
        for line in lines:
            line.settimeout(2 * WAIT_SECONDS)
            line.recv(1)


def _call(stack: ExitStack, port: int, request: bytes) -> socket.socket:
    line = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
    line.sendall(request)
    line.settimeout(0)
    return line


def _is_held(line: socket.socket) -> bool:
    try:
        line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    return False
