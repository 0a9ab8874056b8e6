"""Environments are given back as one: every resource in them, those that others need last; on demand, or expired."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.conditions import WHATEVER, Seen
from platform_api.core.errors import ConflictError, RequestRefusedError
from platform_api.core.ids import Prefix, show
from platform_api.core.literals import literal
from provisioning.dispatch import runs_notify
from provisioning.models import Environment, Resource, Run
from provisioning.models.environments import DEFAULT_NAME
from provisioning.selectors.resources import deprovisions_live
from provisioning.services.environments.advancing import contents_lock, environment_follow
from provisioning.services.environments.ensuring import EnvironmentClosedError, tier_require
from provisioning.services.intents import run_make_missing
from provisioning.services.ordering.changing import DeleteProtectedError, deprovision_accept
from provisioning.states import LIVE_RESOURCE, Desired

REPEAT_SECONDS = 900
"""After so long the dispatcher asks again for what could not be given back, or what somebody kept from it."""


class EnvironmentDefaultError(ConflictError):
    """Every project has it."""

    code = "environment_default"
    title = "The default environment stays"
    remedy = "Deprovision the resources in it one by one."


def environment_delete(*, caller: Caller, environment: Environment, confirm: str | None, seen: Seen = WHATEVER) -> None:
    """Give an environment back with everything in it; safe to repeat, which tries again what could not be given back.

    Args:
        caller: Who asks; for production an admin of the team or project.
        environment: One that the caller may see, with its project loaded.
        confirm: Its name, repeated.
        seen: What the caller has seen of it.

    Raises:
        RoleMissingError: The caller may not order there.
        EnvironmentDefaultError: It is the one that every project has.
        RequestRefusedError: It is not confirmed.
        EnvironmentClosedError: Nothing is left of it.
        DeleteProtectedError: Something in it is protected; nothing was changed.
        VersionMismatchError: It is not as the caller has seen it.
    """
    project = environment.project
    tier_require(caller=caller, project=project, tier=environment.tier)
    if environment.name == DEFAULT_NAME:
        raise EnvironmentDefaultError(tenant=project.tenant)
    if confirm != environment.name:
        finding = {
            "pointer": "#/confirm",
            "code": "not_confirmed",
            "detail": "Giving back an environment is confirmed by its name.",
            "remedy": f"Add ?confirm={environment.name} to the address.",
        }
        raise RequestRefusedError(errors=[finding], tenant=project.tenant)
    with transaction.atomic():
        # Whoever orders into it holds a share of its row: this waits for them, and finds what they ordered. It does not
        # lock the key, which foreign keys share: whoever has locked one of its resources need not wait for this.
        locked = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
        if locked.closed_at is not None:
            raise EnvironmentClosedError(remedy="There is nothing left to do.", tenant=project.tenant)
        seen.claim(Environment.objects.filter(pk=locked.pk), tenant=project.tenant)
        _give_back(locked, caller, action="environment.delete_requested", reason="The environment is given back.")
    environment_follow(environment_id=environment.pk, caller=caller)


def environments_expired() -> list[UUID]:
    """Return environments whose time is over, the longest first.

    One that holds something protected stays until the protection is taken away.
    """
    return list(_expired().values_list("pk", flat=True))


def environment_expire(*, environment_id: UUID, caller: Caller) -> bool:
    """Give an expired environment back; tells whether it was there to be given back.

    Args:
        environment_id: The environment.
        caller: The dispatcher.
    """
    reason = "The environment has expired."
    return _give_back_due(_expired(), environment_id, caller, action="environment.expired", reason=reason)


def environments_unasked() -> list[UUID]:
    """Return environments that are to go, and of which something is left that nobody asks for any more.

    A deprovision that failed, or that was canceled, leaves a resource which nobody may change any more, and which takes
    of quota and costs: it is asked for until it is gone.
    """
    return list(_left_over().values_list("pk", flat=True))


def environment_repeat(*, environment_id: UUID, caller: Caller) -> bool:
    """Ask again for what is left of an environment that is to go; as with an expired one."""
    reason = "The environment is to go, and this is left of it."
    return _give_back_due(_left_over(), environment_id, caller, action="environment.delete_repeated", reason=reason)


def _expired() -> QuerySet[Environment]:
    rows = _unprotected().filter(desired=literal(Desired.PRESENT), expires_at__lte=Now())
    return rows.exclude(name=DEFAULT_NAME).order_by("expires_at")


def _left_over() -> QuerySet[Environment]:
    runs = Run.objects.filter(resource=OuterRef("pk"))
    recent = runs.filter(Q(finished_at=None) | Q(finished_at__gt=Now() - timedelta(seconds=REPEAT_SECONDS)))
    left = _unasked().filter(~Exists(recent), environment=OuterRef("pk"))
    return _unprotected().filter(Exists(left), desired=literal(Desired.ABSENT)).order_by("pk")


def _unprotected() -> QuerySet[Environment]:
    """Return environments that can be given back: nothing that would have to be asked for is protected."""
    protected = _unasked().filter(environment=OuterRef("pk"), delete_protected=True)
    return Environment.objects.filter(~Exists(protected), closed_at=None)


def _give_back_due(
    due: QuerySet[Environment], environment_id: UUID, caller: Caller, *, action: str, reason: str
) -> bool:
    """Give an environment back if it is due still, under its lock; whoever holds that is at the same work."""
    with transaction.atomic():
        locked = due.select_for_update(no_key=True, skip_locked=True).filter(pk=environment_id).first()
        if locked is None:
            return False
        _give_back(locked, caller, action=action, reason=reason)
    return True


def _give_back(environment: Environment, caller: Caller, *, action: str, reason: str) -> None:
    """Ask for every resource to go that is not on its way, those first that others were made before."""
    contents_lock(environment)
    left = list(
        _unasked()
        .filter(environment=environment)
        .select_related("project__team", "environment", "offering_version__offering", "plan")
        .order_by("-pk")
    )
    _require_unprotected(left)
    if environment.desired == Desired.PRESENT:
        Environment.objects.filter(pk=environment.pk).update(desired=Desired.ABSENT)
    elif not left:
        return
    event_record(
        caller=caller,
        action=action,
        object_type="environment",
        object_id=environment.pk,
        object_name=environment.name,
        team_id=environment.project.team_id,
        project_id=environment.project_id,
        after={"resources": [show(Prefix.RESOURCE, resource.pk) for resource in left]},
        reason=reason,
    )
    for resource in left:
        deprovision_accept(caller=caller, resource=resource, reason=reason, ticket=None)
        run_make_missing(resource_id=resource.pk, caller=caller)
    runs_notify()


def _unasked() -> QuerySet[Resource]:
    """Return resources that are there, and that no deprovision under way is for."""
    under_way = deprovisions_live().filter(resource=OuterRef("pk"))
    return Resource.objects.filter(~Exists(under_way), status__in=LIVE_RESOURCE)


def _require_unprotected(resources: Sequence[Resource]) -> None:
    protected = [resource for resource in resources if resource.delete_protected]
    if protected:
        names = ", ".join(resource.name for resource in protected)
        msg = f"Protected from deletion: {names}. Nothing was changed."
        raise DeleteProtectedError(msg, tenant=protected[0].project.tenant)
