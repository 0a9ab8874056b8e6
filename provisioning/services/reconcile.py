"""What the dispatcher does besides sending hints: it comes back for what others left, level by level, from rows alone.

Any number of dispatchers may run: what there is to do is found without locks on rows, and judged again under those of
the piece at hand. Each piece commits by itself, for its locks (resource, run, quotas) are taken in one order and those
of two pieces could not be. One that fails is logged, met again by the next pass, and stops no other.

Each kind of work is one dispatcher's at a time, so that several do not look for the same things and do them in vain.
That saves work; that nothing is done twice does not hang on it.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TypeVar
from uuid import UUID

from platform_api.core.callers import Caller, system_caller
from platform_api.core.locks import Lock, Turns
from platform_api.idempotency.services.keys import keys_sweep
from provisioning.services.environments.advancing import environment_advance, environments_unadvanced
from provisioning.services.environments.closing import (
    environment_expire,
    environment_repeat,
    environments_expired,
    environments_unasked,
)
from provisioning.services.execution.verifying import resources_to_verify, run_make_verify
from provisioning.services.intents import resources_without_run, run_make_missing
from provisioning.services.reaping import run_reap, runs_lost

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

BATCH = 50
"""Pieces of one kind that a pass sets right, so that it stays short; the next pass takes the next."""


Stop = Callable[[], bool]
"""Asked before each piece; after its first yes what is left is the next pass's, or another's."""


def _never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One kind of work.

    Attributes:
        lock: Whose turn it is.
        make: Does it, until it is to stop, and returns how many things it set right.
    """

    lock: Lock
    make: Callable[[Caller, Stop], int]


def reconcile(*, turns: Turns | None = None, should_stop: Stop = _never) -> int:
    """Make one pass of each kind, and return how many things were set right.

    Args:
        turns: Keeps what another dispatcher is at from being done here too; None where there is no other.
        should_stop: Whether to end between two pieces.
    """
    caller = system_caller("dispatcher")
    return sum(_make_in_turn(each, caller, turns, should_stop) for each in PASSES)


def _make_in_turn(each: Pass, caller: Caller, turns: Turns | None, should_stop: Stop) -> int:
    if turns is None:
        return each.make(caller, should_stop)
    with turns.taken(each.lock) as is_ours:
        return each.make(caller, should_stop) if is_ours else 0


def _each(items: Iterable[Item], do: Callable[[Item], bool], *, what: str, should_stop: Stop) -> int:
    def is_done(item: Item) -> bool:
        try:
            return do(item)
        except Exception:
            logger.exception(what, item)
            return False

    # Those that fail do not count: so many of them cannot keep a pass from what comes after them.
    wanted = takewhile(lambda _: not should_stop(), items)
    return len(list(islice(filter(is_done, wanted), BATCH)))


def _reap(caller: Caller, should_stop: Stop) -> int:
    lost = dict(runs_lost().values_list("pk", "resource_id").order_by("pk"))
    return _each(
        lost,
        lambda pk: run_reap(run_id=pk, resource_id=lost[pk], caller=caller),
        what="run %s could not be taken from its worker",
        should_stop=should_stop,
    )


def _expire(caller: Caller, should_stop: Stop) -> int:
    return _each(
        environments_expired(),
        lambda pk: environment_expire(environment_id=pk, caller=caller),
        what="environment %s has expired and could not be given back",
        should_stop=should_stop,
    )


def _repeat(caller: Caller, should_stop: Stop) -> int:
    return _each(
        environments_unasked(),
        lambda pk: environment_repeat(environment_id=pk, caller=caller),
        what="environment %s is to go and could not be given back",
        should_stop=should_stop,
    )


def _advance(caller: Caller, should_stop: Stop) -> int:
    def advance(environment_id: UUID) -> bool:
        environment_advance(environment_id=environment_id, caller=caller)
        return True

    return _each(environments_unadvanced(), advance, what="environment %s could not go on", should_stop=should_stop)


def _make(caller: Caller, should_stop: Stop) -> int:
    return _each(
        resources_without_run(),
        lambda pk: run_make_missing(resource_id=pk, caller=caller) is not None,
        what="resource %s could not get its run",
        should_stop=should_stop,
    )


def _verify(caller: Caller, should_stop: Stop) -> int:
    return _each(
        resources_to_verify(),
        lambda pk: run_make_verify(resource_id=pk, caller=caller) is not None,
        what="resource %s could not be looked at again",
        should_stop=should_stop,
    )


def _sweep(_: Caller, should_stop: Stop) -> int:
    """Forget keys that nobody repeats any more."""
    return 0 if should_stop() else keys_sweep()


PASSES = (
    Pass(lock=Lock.REAPING, make=_reap),
    Pass(lock=Lock.EXPIRING, make=_expire),
    Pass(lock=Lock.REPEATING, make=_repeat),
    Pass(lock=Lock.ADVANCING, make=_advance),
    Pass(lock=Lock.MAKING, make=_make),
    Pass(lock=Lock.VERIFYING, make=_verify),
    Pass(lock=Lock.SWEEPING, make=_sweep),
)
"""In this order: what a lost worker left comes before what follows from it."""
