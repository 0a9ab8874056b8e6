"""What the dispatcher does besides sending hints: it comes back for what others left, level by level, from rows alone.

Any number of dispatchers may run: what there is to do is found without locks, and judged again under those of the piece
at hand. Each piece commits by itself, for its locks (resource, run, quotas) are taken in one order and those of two
pieces could not be. One that fails is logged, met again by the next pass, and stops no other.
"""

import logging
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar
from uuid import UUID

from platform_api.core.callers import Caller, system_caller
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


def reconcile() -> int:
    """Make one pass, and return how many things it set right; keys that nobody repeats any more are forgotten."""
    caller = system_caller("dispatcher")
    lost = dict(runs_lost().values_list("pk", "resource_id").order_by("pk"))
    return (
        _each(
            lost,
            lambda pk: run_reap(run_id=pk, resource_id=lost[pk], caller=caller),
            what="run %s could not be taken from its worker",
        )
        + _each(
            environments_expired(),
            lambda pk: environment_expire(environment_id=pk, caller=caller),
            what="environment %s has expired and could not be given back",
        )
        + _each(
            environments_unasked(),
            lambda pk: environment_repeat(environment_id=pk, caller=caller),
            what="environment %s is to go and could not be given back",
        )
        + _each(environments_unadvanced(), lambda pk: _advance(caller, pk), what="environment %s could not go on")
        + _each(resources_without_run(), lambda pk: _make(caller, pk), what="resource %s could not get its run")
        + _each(resources_to_verify(), lambda pk: _verify(caller, pk), what="resource %s could not be looked at again")
        + keys_sweep()
    )


def _each(items: Iterable[Item], do: Callable[[Item], bool], *, what: str) -> int:
    def is_done(item: Item) -> bool:
        try:
            return do(item)
        except Exception:
            logger.exception(what, item)
            return False

    # Those that fail do not count: so many of them cannot keep a pass from what comes after them.
    return len(list(islice(filter(is_done, items), BATCH)))


def _advance(caller: Caller, environment_id: UUID) -> bool:
    environment_advance(environment_id=environment_id, caller=caller)
    return True


def _make(caller: Caller, resource_id: UUID) -> bool:
    return run_make_missing(resource_id=resource_id, caller=caller) is not None


def _verify(caller: Caller, resource_id: UUID) -> bool:
    return run_make_verify(resource_id=resource_id, caller=caller) is not None
