"""Environments are made, or left as they are; one that was given back stays a tombstone for late calls."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from platform_api.audit.services.events import event_record
from platform_api.core import clock
from platform_api.core.callers import Caller, system_caller
from platform_api.core.conditions import WHATEVER, Seen
from platform_api.core.errors import ConflictError, GoneError, RequestRefusedError
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models import Project
from platform_api.tenancy.models.roles import Right
from platform_api.tenancy.selectors.projects import right_require
from provisioning.models import Environment
from provisioning.models.environments import DEFAULT_NAME, Tier
from provisioning.states import Desired

LATEST_EXPIRY = datetime(2200, 1, 1, tzinfo=UTC)
"""Rego counts nanoseconds in 64 bits, which end in 2262; what lies beyond could be judged by no policy."""


class EnvironmentDiffersError(ConflictError):
    """It is there, and is not what was asked for."""

    code = "environment_differs"
    title = "The environment is there, and is another one"
    remedy = "Choose another name; tier and offering of an environment do not change."


class EnvironmentClosedError(GoneError):
    """It was given back, and the same source asks for it again: as a rule, a late call."""

    code = "environment_closed"
    title = "The environment was given back"
    remedy = 'Send "reopen": true if you want a new one under its name.'


class EnvironmentClosingError(ConflictError):
    """Its name is taken until nothing is left of it."""

    code = "environment_closing"
    title = "The environment is being given back"
    remedy = "Wait until it is closed, then ask again."


class ExpiryRefusedError(RequestRefusedError):
    """An end in the past, or one that no calendar has."""


def environment_default_ensure(*, project: Project, name: str) -> None:
    """Make a project's ``default`` environment if it is not there yet; any other name changes nothing."""
    if name != DEFAULT_NAME:
        return
    with transaction.atomic():
        project_lock(project)
        if environment_find(project=project, name=name, source=None, may_reopen=False) is None:
            environment_make(caller=system_caller("default"), project=project, name=name, tier=Tier.DEVELOPMENT)


def environment_ensure(
    *,
    project: Project,
    name: str,
    tier: Tier,
    expires_at: datetime | None,
    caller: Caller,
    source: Mapping[str, Any] | None = None,
    reason: str = "",
    may_reopen: bool = False,
    seen: Seen = WHATEVER,
) -> tuple[Environment, bool]:
    """Return the project's environment of this name, made empty if it is not there; safe to repeat and to race.

    Args:
        project: The project.
        name: Its name there.
        tier: How much care it asks for; production takes an admin of the team or project.
        expires_at: When it goes; None for one that stays.
        caller: Who asks.
        source: Where the ask comes from, in the caller's own members.
        reason: Why, in the caller's words.
        may_reopen: Whether one that was given back may be followed by a new one.
        seen: What the caller has seen of it; one that is there is not changed, so nothing has to be said.

    Returns:
        The environment, and whether it was made by this call.

    Raises:
        RoleMissingError: The caller may not order here, or may not make one for production.
        EnvironmentDiffersError: It is there with another tier, or as a composed one.
        VersionMismatchError: It is there and was not to be, or the other way round, or is not as it was seen.
        EnvironmentClosedError, EnvironmentClosingError: It was given back, or is being given back.
        ExpiryRefusedError: The expiry is past, or later than can be kept.
    """
    tier_require(caller=caller, project=project, tier=tier)
    if expires_at is not None and name == DEFAULT_NAME:
        detail = "The default environment stays, so it has no expiry."
        remedy = "Give another name, or no expiry."
        finding = {"pointer": "#/expires_at", "code": "environment_default", "detail": detail, "remedy": remedy}
        raise ExpiryRefusedError(detail, errors=[finding], tenant=project.tenant)
    if expires_at is not None and not clock.now() < expires_at < LATEST_EXPIRY:
        detail = "The expiry is past." if expires_at < LATEST_EXPIRY else "The expiry is later than 2199."
        finding = {
            "pointer": "#/expires_at",
            "code": "out_of_range",
            "detail": detail,
            "remedy": "Send a moment to come.",
        }
        raise ExpiryRefusedError(detail, errors=[finding], tenant=project.tenant)
    with transaction.atomic():
        project_lock(project)
        found = environment_find(project=project, name=name, source=source, may_reopen=may_reopen)
        seen.require(None if found is None else found.version, tenant=project.tenant)
        if found is None:
            in_utc = None if expires_at is None else expires_at.astimezone(UTC)  # shown as it will be read back
            made = environment_make(
                caller=caller, project=project, name=name, tier=tier, expires_at=in_utc, source=source, reason=reason
            )
            return made, True
    if (found.tier, found.offering_version) != (tier, None):
        version = found.offering_version
        what = f"with the tier {found.tier}" if version is None else f"as {version.offering.slug} {version.version}"
        msg = f"Environment {name} of project {project.slug} is there {what}."
        raise EnvironmentDiffersError(msg, tenant=project.tenant)
    return found, False


def tier_require(*, caller: Caller, project: Project, tier: str) -> None:
    """Refuse who may not order in a project, or in its production.

    Raises:
        RoleMissingError: Says which roles carry the right.
    """
    right = Right.ADMINISTER if tier == Tier.PRODUCTION else Right.ORDER
    right_require(caller=caller, right=right, team_id=project.team_id, project_id=project.pk, where=project.slug)


def project_lock(project: Project) -> None:
    """Let environments of a project be made one after the other, so that what was found is so until they are made."""
    Project.objects.select_for_update(no_key=True).only("pk").get(pk=project.pk)


def environment_find(
    *, project: Project, name: str, source: Mapping[str, Any] | None, may_reopen: bool
) -> Environment | None:
    """Return the environment that stands under a name, or None where one may be made; exact under ``project_lock``.

    Args:
        project: The project.
        name: Its name there.
        source: Where the ask comes from; no source equals no source.
        may_reopen: Whether a tombstone of the same source may be followed by a new one.

    Raises:
        EnvironmentClosedError: One of the same source was given back.
        EnvironmentClosingError: One is still being given back.
    """
    rows = Environment.objects.filter(project=project, name=name)
    standing = rows.filter(closed_at=None).select_related("offering_version__offering").first()
    if standing is not None and standing.desired == Desired.PRESENT:
        return standing
    same_source = Q(source__isnull=True) if source is None else Q(source=dict(source))
    tombstone = None if may_reopen else rows.filter(same_source).order_by("-pk").first()
    if tombstone is not None:
        shown = show(Prefix.ENVIRONMENT, tombstone.pk)
        msg = f"Environment {name} of project {project.slug} ({shown}) was given back."
        raise EnvironmentClosedError(msg, tenant=project.tenant)
    if standing is not None:
        msg = f"Environment {name} of project {project.slug} is being given back."
        raise EnvironmentClosingError(msg, tenant=project.tenant)
    return None


def environment_make(
    *, caller: Caller, project: Project, name: str, tier: str, audited: Mapping[str, Any] | None = None, **columns: Any
) -> Environment:
    """Write a new environment's row, and the audit trail.

    Args:
        caller: Who makes it.
        project: The project.
        name: Its name there, which is free.
        tier: How much care it asks for.
        audited: What the trail shall tell besides.
        **columns: Further columns of it.
    """
    environment = Environment.objects.create(
        project=project, name=name, tier=tier, created_by_id=caller.id, created_by_name=caller.name, **columns
    )
    expires_at = environment.expires_at
    event_record(
        caller=caller,
        action="environment.created",
        object_type="environment",
        object_id=environment.pk,
        object_name=name,
        team_id=project.team_id,
        project_id=project.pk,
        after={
            "tier": str(tier),
            "expires_at": None if expires_at is None else expires_at.isoformat(),
            "source": environment.source,
            **(audited or {}),
        },
        reason=environment.reason,
    )
    return environment
