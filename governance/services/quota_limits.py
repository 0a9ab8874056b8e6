"""Limits: every project and team has them from its first order on, and only platform admins change them."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from governance.models import Quota, ScopeType
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.errors import ForbiddenError, PreconditionError, RefusedError
from platform_api.core.ids import Prefix, UnknownIdError, show
from platform_api.tenancy.models import Project

MINIMUM_REASON_LENGTH = 8


class PlatformAdminNeededError(ForbiddenError):
    """Limits bind the team's own admins too, so they cannot set them."""

    code = "role_missing"
    title = "Your roles do not allow this"
    remedy = "Ask the platform team."


class LimitReasonMissingError(RefusedError):
    """Nobody could tell later why the limit is what it is."""

    code = "reason_missing"
    title = "A change of a limit needs a reason"
    remedy = f"Say why, in at least {MINIMUM_REASON_LENGTH} characters."


class LimitNegativeError(RefusedError):
    """A limit below nothing."""

    code = "limit_refused"
    title = "A limit is zero or more"
    remedy = "Send 0 to let nothing more be ordered."


class QuotaVersionMismatchError(PreconditionError):
    """Somebody else has changed the limit since the caller looked."""

    code = "version_mismatch"
    title = "It was changed in the meantime"
    remedy = "Read it again, and decide again."


@dataclass(frozen=True, kw_only=True)
class ProjectFacts:
    """What a quota needs to know of a project."""

    project_id: UUID
    project_slug: str
    team_id: UUID
    team_slug: str

    def scopes(self) -> list[tuple[ScopeType, UUID, str]]:
        """Return type, id and name of both scopes that count in the project."""
        return [
            (ScopeType.PROJECT, self.project_id, f"project:{self.project_slug}"),
            (ScopeType.TEAM, self.team_id, f"team:{self.team_slug}"),
        ]


def quotas_ensure(*, facts: ProjectFacts, kinds: Iterable[str]) -> list[Quota]:
    """Return the project's and its team's quotas of these kinds, in the order of locks; what is missing is made.

    Safe to repeat and to race: a row that another transaction makes at the same time is waited for and taken.

    Args:
        facts: The project.
        kinds: ``points``, ``count:database`` and so on.
    """
    wanted = sorted(kinds, reverse=True)  # as Quota.Meta.ordering: transactions that race insert in one order
    rows = Q()
    for scope_type, scope_id, _name in facts.scopes():
        rows |= Q(scope_type=scope_type, scope_id=scope_id)
    quotas = Quota.objects.filter(rows, kind__in=wanted)
    found = list(quotas)
    if len(found) == len(wanted) * 2:
        return found
    Quota.objects.bulk_create(_defaults(facts, wanted), ignore_conflicts=True)
    return list(quotas.all())


def quotas_peek(*, facts: ProjectFacts, kinds: Iterable[str]) -> list[Quota]:
    """Return what ``quotas_ensure`` would, in the same order, but make none: a missing one is not saved."""
    wanted = sorted(kinds, reverse=True)
    scopes = [scope_id for _type, scope_id, _name in facts.scopes()]
    stored = {(row.scope_id, row.kind): row for row in Quota.objects.filter(scope_id__in=scopes, kind__in=wanted)}
    return [stored.get((row.scope_id, row.kind), row) for row in _defaults(facts, wanted)]


def _defaults(facts: ProjectFacts, kinds: Iterable[str]) -> list[Quota]:
    """Return quotas with the limits that nobody has set yet, not saved."""
    return [
        Quota(
            scope_type=scope_type,
            scope_id=scope_id,
            scope_name=name,
            kind=kind,
            limit=settings.QUOTA_DEFAULTS[scope_type.value][kind.partition(":")[0]],
        )
        for scope_type, scope_id, name in facts.scopes()
        for kind in kinds
    ]


def quota_limit_set(*, quota_id: UUID, limit: int, version: int, reason: str, caller: Caller) -> Quota:
    """Set a limit; one below what is held takes nothing away, but lets nothing more be reserved.

    Args:
        quota_id: The quota.
        limit: What may be held from now on, 0 or more.
        version: The version that the caller judged by.
        reason: Why, for the audit trail; at least 8 characters.
        caller: A platform admin.

    Raises:
        PlatformAdminNeededError: The caller is none.
        LimitReasonMissingError: No reason worth the name.
        LimitNegativeError: Below zero.
        UnknownIdError: There is no such quota.
        QuotaVersionMismatchError: It has another version by now.
    """
    if not caller.is_platform_admin:
        raise PlatformAdminNeededError("Only platform admins set limits.")
    if len(reason.strip()) < MINIMUM_REASON_LENGTH:
        raise LimitReasonMissingError
    if limit < 0:
        raise LimitNegativeError
    with transaction.atomic():
        quota = Quota.objects.select_for_update(no_key=True).filter(pk=quota_id).first()
        if quota is None:
            raise UnknownIdError
        if quota.version != version:
            msg = f"{show(Prefix.QUOTA, quota.pk)} has version {quota.version}, not {version}."
            raise QuotaVersionMismatchError(msg)
        before, quota.limit, quota.version = quota.limit, limit, version + 1
        quota.save(update_fields=["limit", "version"])
        is_project = quota.scope_type == ScopeType.PROJECT
        event_record(
            caller=caller,
            action="quota.limit_set",
            object_type="quota",
            object_id=quota.pk,
            object_name=str(quota),
            team_id=Project.objects.get(pk=quota.scope_id).team_id if is_project else quota.scope_id,
            project_id=quota.scope_id if is_project else None,
            before={"limit": before},
            after={"limit": limit},
            reason=reason,
        )
    return quota


def quota_limit_begin(
    *, facts: ProjectFacts, scope_type: ScopeType, kind: str, limit: int, reason: str, caller: Caller
) -> Quota:
    """Set the limit of a quota before anything was ordered from it, or after.

    Args:
        facts: The project, or any project of the team.
        scope_type: Whether the project's own quota is meant, or its team's.
        kind: ``points``, ``count:database`` and so on.
        limit: What may be held from now on, 0 or more.
        reason: Why, for the audit trail; at least 8 characters.
        caller: A platform admin.

    Raises:
        PlatformAdminNeededError: The caller is none.
        LimitReasonMissingError: No reason worth the name.
        LimitNegativeError: Below zero.
        QuotaVersionMismatchError: Somebody else sets it at the same time.
    """
    with transaction.atomic():
        quota = next(row for row in quotas_ensure(facts=facts, kinds=[kind]) if row.scope_type == scope_type)
        return quota_limit_set(quota_id=quota.pk, limit=limit, version=quota.version, reason=reason, caller=caller)
