"""Environments are made, or left as they are."""

from datetime import UTC, datetime

from django.db import IntegrityError, transaction

from platform_api.audit.services.events import event_record
from platform_api.core import clock
from platform_api.core.callers import Caller, system_caller
from platform_api.core.errors import ConflictError, RequestRefusedError, Tenant
from platform_api.tenancy.models import Project
from platform_api.tenancy.models.roles import Right
from platform_api.tenancy.selectors.projects import right_require
from provisioning.models import Environment
from provisioning.models.environments import DEFAULT_NAME, Tier

LATEST_EXPIRY = datetime(2200, 1, 1, tzinfo=UTC)
"""Rego counts nanoseconds in 64 bits, which end in 2262; what lies beyond could be judged by no policy."""


class EnvironmentDiffersError(ConflictError):
    """It is there, and is not what was asked for."""

    code = "environment_differs"
    title = "The environment is there with another tier"
    remedy = "Choose another name; the tier of an environment does not change."


class ExpiryRefusedError(RequestRefusedError):
    """An end in the past, or one that no calendar has."""


def environment_default_ensure(*, project: Project, name: str) -> None:
    """Make a project's ``default`` environment if it is not there yet; any other name changes nothing."""
    if name == DEFAULT_NAME:
        _make(project=project, name=name, tier=Tier.DEVELOPMENT, expires_at=None, caller=system_caller("default"))


def environment_ensure(
    *, project: Project, name: str, tier: Tier, expires_at: datetime | None, caller: Caller
) -> tuple[Environment, bool]:
    """Return the project's environment of this name, made if it is not there; safe to repeat and to race.

    Args:
        project: The project.
        name: Its name there.
        tier: How much care it asks for; production takes an admin of the team or project.
        expires_at: When it goes; None for one that stays.
        caller: Who asks.

    Returns:
        The environment, and whether it was made by this call.

    Raises:
        RoleMissingError: The caller may not order here, or may not make one for production.
        EnvironmentDiffersError: It is there with another tier.
        ExpiryRefusedError: The expiry is past, or later than can be kept.
    """
    right = Right.ADMINISTER if tier is Tier.PRODUCTION else Right.ORDER
    right_require(caller=caller, right=right, team_id=project.team_id, project_id=project.pk, where=project.slug)
    tenant = Tenant(team_id=project.team_id, project_id=project.pk)
    if expires_at is not None and not clock.now() < expires_at < LATEST_EXPIRY:
        detail = "The expiry is past." if expires_at < LATEST_EXPIRY else "The expiry is later than 2199."
        finding = {
            "pointer": "#/expires_at",
            "code": "out_of_range",
            "detail": detail,
            "remedy": "Send a moment to come.",
        }
        raise ExpiryRefusedError(detail, errors=[finding], tenant=tenant)
    in_utc = None if expires_at is None else expires_at.astimezone(UTC)  # shown as it will be read back
    made = _make(project=project, name=name, tier=tier, expires_at=in_utc, caller=caller)
    if made is not None:
        return made, True
    found = Environment.objects.get(project=project, name=name, closed_at=None)
    if found.tier != tier:
        msg = f"Environment {name} of project {project.slug} is there, with the tier {found.tier}."
        raise EnvironmentDiffersError(msg, tenant=tenant)
    return found, False


def _make(
    *, project: Project, name: str, tier: Tier, expires_at: datetime | None, caller: Caller
) -> Environment | None:
    """Make it, or return None where another was faster."""
    try:
        with transaction.atomic():
            environment = Environment.objects.create(project=project, name=name, tier=tier, expires_at=expires_at)
            event_record(
                caller=caller,
                action="environment.created",
                object_type="environment",
                object_id=environment.pk,
                object_name=name,
                team_id=project.team_id,
                project_id=project.pk,
                after={"tier": tier.value, "expires_at": None if expires_at is None else expires_at.isoformat()},
            )
    except IntegrityError as error:
        if "environment_name_is_taken_once" not in str(error):
            raise
        return None
    return environment
