"""A CI job's token is exchanged for one of ours: short-lived, of a service, and no wider than a trust rule says."""

from django.db import IntegrityError, transaction

from platform_api.core import clock, row_scope
from platform_api.core.callers import Caller, CallerKind
from platform_api.core.errors import ForbiddenError
from platform_api.tenancy.models import TrustRule, UsedIdentity
from platform_api.tenancy.models.identities import EVENTS, CiIdentity
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.models.trust_rules import CI_LIFE
from platform_api.tenancy.selectors.trust_rules import trust_rule_for
from platform_api.tenancy.services.oidc.keys import IdentityTokenError
from platform_api.tenancy.services.oidc.verifying import LEEWAY, identity_verify
from platform_api.tenancy.services.tokens import IssuedToken, token_issue

NAME_LENGTH = 100
FORGOTTEN_AFTER = 2 * LEEWAY
"""A token's use is remembered for longer than any process can take the token, though their clocks differ."""


class IdentityNotTrustedError(ForbiddenError):
    """A genuine token, of a job that nobody has said is trusted."""

    code = "oidc_not_trusted"
    title = "No trust rule takes this job"
    remedy = "Ask a platform admin for a trust rule that names exactly these values."


def identity_exchange(*, presented: str, ip: str | None, correlation_id: str) -> IssuedToken:
    """Return a token of ten minutes for a CI job.

    Args:
        presented: The job's own token; it counts once.
        ip: Where the call comes from.
        correlation_id: Ties together what follows from it.

    Raises:
        IdentityTokenError: It is not genuine, not for here, not for now, or was used already.
        IdentityNotTrustedError: No trust rule takes the job; echoes what the token says, and tells nothing about rules.
        IssuerKeysError: Nothing can be said about it at present.
    """
    identity = identity_verify(presented=presented)
    with row_scope.platform():  # who calls is known only afterwards
        return _exchange(identity, ip=ip, correlation_id=correlation_id)


def _exchange(identity: CiIdentity, *, ip: str | None, correlation_id: str) -> IssuedToken:
    rule = trust_rule_for(identity)
    if rule is None:
        raise IdentityNotTrustedError(_echo(identity), evidence=identity.claims())
    with transaction.atomic():
        if not TrustRule.objects.select_for_update(no_key=True, of=("self",)).filter(pk=rule.pk, disabled_at=None):
            raise IdentityNotTrustedError(_echo(identity), evidence=identity.claims())  # it was switched off just now
        _use_once(identity)
        return token_issue(
            user=rule.user,
            name=str(identity)[:NAME_LENGTH],
            kind=TokenKind.CI,
            caller=_caller(identity, rule=rule, ip=ip, correlation_id=correlation_id),
            scopes=rule.scopes,
            team=rule.team,
            project=rule.project,
            expires_at=clock.now() + CI_LIFE,
            trust_rule=rule,
            identity=identity,
        )


def _caller(identity: CiIdentity, *, rule: TrustRule, ip: str | None, correlation_id: str) -> Caller:
    return Caller(
        id=rule.user_id,
        name=rule.user.username,
        kind=CallerKind.SERVICE,
        auth_method="oidc",
        on_behalf_of=str(identity),
        ip=ip,
        correlation_id=correlation_id,
    )


def _use_once(identity: CiIdentity) -> None:
    """Write down that a token was used; who inserts first wins. Those that have expired are forgotten on the way."""
    UsedIdentity.objects.filter(expires_at__lt=clock.now() - FORGOTTEN_AFTER).delete()
    try:
        with transaction.atomic():
            UsedIdentity.objects.create(key=identity.use_key, expires_at=identity.expires_at)
    except IntegrityError as error:
        raise IdentityTokenError("It was used already; each counts once.", evidence=identity.claims()) from error


def _echo(identity: CiIdentity) -> str:
    environment = identity.environment or "none"
    seen = (
        f"Repository number {identity.repository_id} ({identity.repository}), {identity.ref}, event {identity.event}, "
        f"environment {environment}."
    )
    if identity.event in EVENTS[identity.kind]:
        return seen
    taken = ", ".join(sorted(EVENTS[identity.kind]))
    return f"{seen} Jobs are taken that one of these set off: {taken}; no other tells whose code runs."
