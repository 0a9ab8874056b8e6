"""What an apply left whose end nobody saw, from what it told: newest state, the log's record of each object, the plan.

The state alone is not enough: Terraform writes it after it has made an object, so one or two that were just made may be
missing from it. What the log reports as made and the state does not know can be taken over by its id; what was begun,
or could have been begun in the last moment before the log breaks off, is in doubt.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from platform_api.core.sealing import SealBrokenError
from platform_api.terraform.events import EventKind
from platform_api.terraform.plan import PlanAction
from platform_api.terraform.state import StateVersion
from provisioning.models import LogLine, Run
from provisioning.services.execution.records import state_newest

logger = logging.getLogger(__name__)

_MAKING = frozenset({PlanAction.CREATE, PlanAction.REPLACE})
_CREATE = "create"
"""Terraform's word in events; a replacement is two of them, ``delete`` and ``create``."""


@dataclass(frozen=True, kw_only=True)
class Remains:
    """What exists after an apply, or may.

    Attributes:
        known: Addresses in the newest state, as it names them.
        made: Ids by address of what was reported as made and is in no state.
        doubtful: Addresses of what may have been made without a word.
    """

    known: tuple[str, ...] = ()
    made: Mapping[str, str]
    doubtful: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.known, *self.made, *self.doubtful)))


def remains_of(run_id: UUID, *, state: StateVersion | None) -> Remains:
    """Return what the applies of a run left.

    Args:
        run_id: The run.
        state: The newest one of its resource, kept or found in the run's folder; None where there is none.
    """
    run = Run.objects.only("plan_summary").get(pk=run_id)
    there = frozenset() if state is None else state.instances
    events = LogLine.objects.filter(
        run_id=run_id, event__kind__in=[EventKind.APPLY_START, EventKind.APPLY_COMPLETE, EventKind.APPLY_ERRORED]
    )
    last: dict[str, Mapping[str, str]] = {}
    for event in events.order_by("sequence").values_list("event", flat=True):
        if event and (address := event.get("address")):
            last[address] = event
    created = {address: event for address, event in last.items() if event.get("action") == _CREATE}
    made = {
        address: event["id_value"]
        for address, event in created.items()
        if event["kind"] == EventKind.APPLY_COMPLETE and address not in there and event.get("id_value")
    }
    planned = (run.plan_summary or {}).get("objects", ())
    unsaid = (each["address"] for each in planned if each["action"] in _MAKING and each["address"] not in last)
    begun = (address for address, event in created.items() if event["kind"] != EventKind.APPLY_ERRORED)
    return Remains(
        known=() if state is None else state.addresses,
        made=made,
        doubtful=_outside(there | made.keys(), (*begun, *unsaid)),
    )


def remains_unseen(*, run_id: UUID, resource_id: UUID) -> tuple[str, ...]:
    """Return the addresses of what a run's apply left whose end nobody saw, or may have left.

    A run has to end also where its states cannot be opened any more, because their key is lost: log and plan tell then.
    """
    try:
        content = state_newest(resource_id)
    except SealBrokenError:
        logger.exception("resource %s: its newest state cannot be opened", resource_id)
        content = None
    return remains_of(run_id, state=None if content is None else StateVersion.parse(content)).addresses


def _outside(there: Iterable[str], addresses: Iterable[str]) -> tuple[str, ...]:
    known = frozenset(there)
    return tuple(address for address in dict.fromkeys(addresses) if address not in known)
