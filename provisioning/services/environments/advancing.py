"""Environments go on by themselves: what became ready lets others begin, what failed ends those that wait for it.

Everything here follows from rows alone and can be repeated. It is called where a run has ended, in a transaction of its
own, and by the dispatcher for whatever was left undone. Locks are taken in one order: environment, all resources in it,
quotas.
"""

import logging
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.services.quotas import quotas_lock
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.literals import literal
from provisioning.dispatch import runs_notify
from provisioning.models import ComponentNeed, Environment, Resource, Run
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.endings import RunFailure, unbegun_end
from provisioning.services.intents import components_due, components_waiting, run_make_missing
from provisioning.states import LIVE_RESOURCE, Desired, RequestStatus, ResourceStatus

logger = logging.getLogger(__name__)

LOST = Q(needed__resource__status=ResourceStatus.DEPROVISIONED) | Q(
    needed__resource__status=ResourceStatus.DEGRADED, needed__resource__observed_generation=0
)
"""Whether what others still wait for will not be ready for them: it is gone, or its first run made it by half. What was
ready once and is degraded since can be set right by its next run; they go on waiting."""


def environment_advance(*, environment_id: UUID, caller: Caller) -> None:
    """Do whatever the resources of an environment now allow; an environment that nothing follows in is left alone.

    1. Components that wait for one that failed end as ``need_failed``.
    2. Components whose turn it is get their run.
    3. An environment that is to go, and in which nothing is left, is closed.

    Args:
        environment_id: The environment.
        caller: Who made it so, for the audit trail.
    """
    with transaction.atomic():
        environment = (
            Environment.objects.select_for_update(no_key=True)
            .filter(Q(offering_version__isnull=False) | Q(desired=Desired.ABSENT), pk=environment_id, closed_at=None)
            .first()
        )
        if environment is None:
            return
        contents_lock(environment)
        _end_stranded(environment, caller)
        for resource_id in components_due(environment.pk):
            run_make_missing(resource_id=resource_id, caller=caller)
        _end_stranded(environment, caller)  # what was wired just now may not have fitted
        _close_if_empty(environment, caller)
        runs_notify()


def environment_follow(*, environment_id: UUID, caller: Caller) -> None:
    """Advance an environment after what was done to it, which stands whatever comes of this.

    The dispatcher makes up for it. Within the transaction of a key it is undone by itself, and what was done is not.

    Args:
        environment_id: The environment.
        caller: Who made it so, for the audit trail.
    """
    try:
        environment_advance(environment_id=environment_id, caller=caller)
    except DatabaseError:
        logger.exception("environment %s could not go on yet", environment_id)


def contents_lock(environment: Environment) -> None:
    """Lock all that stands in an environment, then the quotas that may be given back; nothing is locked after those.

    Args:
        environment: Locked itself. What is read of it after this call stays so until the transaction ends.
    """
    left = Resource.objects.select_for_update(no_key=True).filter(environment=environment, status__in=LIVE_RESOURCE)
    unmade = [pk for pk, status in left.order_by("pk").values_list("pk", "status") if status == ResourceStatus.PENDING]
    if unmade:
        quotas_lock(subject_ids=unmade)


def environments_unadvanced() -> list[UUID]:
    """Return environments in which something is left to do that is no run; what the reconciler makes up for."""
    left = Resource.objects.filter(environment=OuterRef("pk"), status__in=LIVE_RESOURCE)
    going = Environment.objects.filter(~Exists(left), desired=literal(Desired.ABSENT), closed_at=None)
    # Two questions, because each has an index of its own; with OR between them all environments are looked at.
    stranded = _stranded().filter(component__in=components_waiting(), component__environment__closed_at=None)
    found = {*going.values_list("pk", flat=True), *stranded.values_list("component__environment", flat=True)}
    return sorted(found)


def _stranded() -> QuerySet[ComponentNeed]:
    """Return needs that will never be met, of components that were never begun."""
    return ComponentNeed.objects.filter(
        LOST,
        ~Exists(Run.objects.filter(resource=OuterRef("component_id"))),
        component__resource__status=ResourceStatus.PENDING,
    )


def _end_stranded(environment: Environment, caller: Caller) -> None:
    """End what waits in vain, and then what waits for that."""
    stranded = _stranded().filter(component__environment=environment).select_related("needed").order_by("component_id")
    while (need := stranded.first()) is not None:
        resource = Resource.objects.select_related("project").get(pk=need.component_id)
        unbegun_end(caller, resource, RequestStatus.FAILED, _need_failed(need.needed.name))


def _need_failed(name: str) -> RunFailure:
    return RunFailure(
        code="need_failed",
        kind="permanent",
        detail=f"It needs {name}, which could not be made. Nothing was made of it.",
        remedy=f"See what is wrong with {name}; delete the environment, and order it anew.",
    )


def _close_if_empty(environment: Environment, caller: Caller) -> None:
    left = Resource.objects.filter(environment=environment, status__in=LIVE_RESOURCE)
    if environment.desired != Desired.ABSENT or left.exists():
        return
    Environment.objects.filter(pk=environment.pk).update(closed_at=ClockTimestamp())
    event_record(
        caller=caller,
        action="environment.closed",
        object_type="environment",
        object_id=environment.pk,
        object_name=environment.name,
        team_id=environment.project.team_id,
        project_id=environment.project_id,
    )
