"""Trust rules are made and switched off; in between they do not change."""

from collections.abc import Collection

from django.conf import settings
from django.db import transaction

from platform_api.audit.services.events import event_record
from platform_api.core import clock
from platform_api.core.callers import Caller
from platform_api.core.errors import RefusedError
from platform_api.tenancy.models import ApiToken, Project, Team, TrustRule, User
from platform_api.tenancy.models.identities import EVENTS, IssuerKind
from platform_api.tenancy.models.trust_rules import CI_SCOPES
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.tokens import token_revoke


class TrustRuleRefusedError(RefusedError):
    """A rule that would trust nobody, or more than it should."""

    code = "trust_rule_refused"
    title = "The trust rule is not sound"


def trust_rule_create(
    *,
    issuer: str,
    repository_id: str,
    repository: str,
    events: Collection[str],
    user: User,
    scopes: Collection[str],
    caller: Caller,
    ref_pattern: str = "",
    environment: str = "",
    needs_protected_ref: bool = False,
    team: Team | None = None,
    project: Project | None = None,
) -> TrustRule:
    """Say which CI jobs are taken for a service.

    Args:
        issuer: Address of the CI system, as the settings have it.
        repository_id: GitHub's number of the repository, or GitLab's of the project.
        repository: Its name, for people.
        events: What may set the job off; some of ``EVENTS``.
        user: The service.
        scopes: What the jobs may do; some of ``CI_SCOPES``.
        caller: Who says so.
        ref_pattern: A whole ref, or its beginning and a star; empty for any.
        environment: The deployment environment that the job has to name; empty for any. One of the two is needed.
        needs_protected_ref: Whether the ref has to be protected.
        team: Narrows the jobs to one team.
        project: Narrows them to one project; one of the two is needed.

    Raises:
        TrustRuleRefusedError: Says what is wrong.
    """
    wrong = _wrong(issuer=issuer, events=events, user=user, scopes=scopes, team=team, project=project)
    if not ref_pattern and not environment:
        wrong = wrong or "Name a ref or an environment, or both."
    if wrong:
        raise TrustRuleRefusedError(wrong)
    with transaction.atomic():
        rule = TrustRule.objects.create(
            issuer=issuer,
            repository_id=repository_id,
            repository=repository,
            ref_pattern=ref_pattern,
            environment=environment,
            events=sorted(events),
            needs_protected_ref=needs_protected_ref,
            user=user,
            team=team,
            project=project,
            scopes=sorted(scopes),
        )
        _record(rule, caller=caller, action="trust_rule.created")
    return rule


def trust_rule_disable(*, rule: TrustRule, caller: Caller) -> None:
    """Switch a rule off, and end the tokens that it gave; a second time changes nothing."""
    now = clock.now()
    with transaction.atomic():
        if TrustRule.objects.filter(pk=rule.pk, disabled_at=None).update(disabled_at=now):
            _record(rule, caller=caller, action="trust_rule.disabled")
        for token in ApiToken.objects.filter(trust_rule=rule, revoked_at=None, expires_at__gt=now).order_by("pk"):
            token_revoke(token=token, caller=caller)


def _wrong(
    *,
    issuer: str,
    events: Collection[str],
    user: User,
    scopes: Collection[str],
    team: Team | None,
    project: Project | None,
) -> str:
    """Return what is wrong; empty where all is well."""
    trusted = settings.CI_ISSUERS.get(issuer)
    if trusted is None:
        return f"{issuer} is none of the issuers in SLIPWAY_CI_ISSUERS."
    safe = EVENTS[IssuerKind(trusted.kind)]
    if not events or not set(events) <= safe:
        return f"Jobs of {trusted.kind} are trusted that one of these set off: {', '.join(sorted(safe))}."
    if user.kind != UserKind.SERVICE or not user.is_active:
        return f"{user.username} is no active service; jobs are never taken for a person."
    if not scopes or not set(scopes) <= CI_SCOPES:
        return f"Jobs may be given: {', '.join(sorted(CI_SCOPES))}."
    if (team is None) == (project is None):
        return "Name a team or a project, not both and not neither."
    return ""


def _record(rule: TrustRule, *, caller: Caller, action: str) -> None:
    event_record(
        caller=caller,
        action=action,
        object_type="trust_rule",
        object_id=rule.pk,
        object_name=str(rule),
        team_id=rule.project.team_id if rule.project else rule.team_id,
        project_id=rule.project_id,
        after={
            "issuer": rule.issuer,
            "repository": rule.repository,
            "repository_id": rule.repository_id,
            "ref_pattern": rule.ref_pattern,
            "environment": rule.environment,
            "events": rule.events,
            "needs_protected_ref": rule.needs_protected_ref,
            "user": rule.user.username,
            "scopes": rule.scopes,
        },
    )
