"""Users' own tokens: made with a token, never with more than it has; rotated; ended."""

import ipaddress
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet

from platform_api.core import clock
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError, ForbiddenError, RequestRefusedError
from platform_api.core.ids import KIND_OF_PREFIX, Prefix, UnknownIdError, is_id, parse, show
from platform_api.core.judgement import Finding
from platform_api.idempotency.services.keys import OrderKey, StoredAnswer, answer_find, answer_keep, key_claim
from platform_api.tenancy.models import ApiToken, Project, Team, User
from platform_api.tenancy.models.tokens import DEFAULT_LIFE, TokenKind
from platform_api.tenancy.selectors.projects import RoleMissingError, projects_visible, teams_visible
from platform_api.tenancy.selectors.tokens import token_get, token_used
from platform_api.tenancy.services.tokens import IssuedToken, token_event, token_issue, token_revoke

Owner = TypeVar("Owner", Team, Project)

MADE = 201
"""HTTP's word for what a key's call did, as it is kept with the key."""


class SecretShownError(ConflictError):
    """A key was used before, and what it was answered with held a secret, which is kept nowhere."""

    code = "secret_shown_once"
    title = "The token was made already, and shown once"


class TokenEndedError(ConflictError):
    """A token that is over, or whose place another has taken already, is not rotated."""

    code = "token_ended"
    title = "The token has ended, or was rotated already"
    remedy = "Rotate the newest token of its family, or make a new one."


class TokenWiderError(ForbiddenError):
    """The token that asks has less than the one that it asks for."""

    code = "token_wider"
    title = "This token has rights that the one you use has not"
    remedy = "Use the token itself to rotate it, or one with all of its rights."


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A token as it is asked for.

    Attributes:
        name: What it is for, in its owner's words.
        scopes: What it may be used for.
        team: Slug or id; narrows it to one team.
        project: Slug or id; narrows it to one project.
        networks: CIDR ranges that it may be used from; None for those of the token that asks.
        expires_at: End of its life; None for 90 days from now, or the end of the token that asks if that is sooner.
    """

    name: str
    scopes: Collection[str]
    team: str | None = None
    project: str | None = None
    networks: Sequence[str] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class _Reach:
    """How far a token reaches."""

    scopes: frozenset[str]
    team: Team | None
    project: Project | None
    networks: Sequence[str]
    expires_at: datetime


def own_token_issue(*, ask: NewToken, caller: Caller, order_key: OrderKey) -> IssuedToken:
    """Make a token of the caller's own, that reaches no further than the one that asks.

    Args:
        ask: What is wanted; left out, it is narrowed as the token that asks.
        caller: Who asks.
        order_key: Their key; the answer is not kept under it, for it holds the secret.

    Raises:
        RequestRefusedError: It names what is not there, or reaches further; every finding is told.
        SecretShownError: The key was used for this call before.
        IdempotencyMismatchError, IdempotencyInProgressError: The key is another call's.
        TokenLifeError, TokenBindingError: As ``token_issue`` says.
    """
    with transaction.atomic():
        _key_require_new(order_key)
        used = token_used(caller=caller)
        reach = _reach_of(ask, caller=caller, used=used)
        findings = list(_beyond(used, reach)) if used is not None else []
        if findings:
            raise RequestRefusedError(errors=findings)
        issued = _issue(reach, user=User.objects.get(pk=caller.user_id), name=ask.name, caller=caller)
        _key_keep(order_key, issued.token)
    return issued


def own_token_rotate(*, token: str, overlap: timedelta, caller: Caller, order_key: OrderKey) -> IssuedToken:
    """Put a new token in the place of one of the caller's own: of its family, with its rights and its expiry.

    Args:
        token: Its id.
        overlap: How long the old one goes on; 0 to ``MAXIMUM_OVERLAP``.
        caller: Who asks.
        order_key: Their key; the answer is not kept under it, for it holds the secret.

    Raises:
        UnknownIdError: There is none, or the caller may not see it.
        TokenEndedError: It is over, or was rotated already, or is a CI job's.
        TokenWiderError: It reaches further than the one that asks, or is another's: overseers get no secrets of others.
        SecretShownError, IdempotencyMismatchError, IdempotencyInProgressError: As ``own_token_issue`` says.
    """
    with transaction.atomic():
        _key_require_new(order_key)
        old = token_get(caller=caller, token=token)
        used, reach = token_used(caller=caller), _reach(old)
        if old.user_id != caller.id or (used is not None and used.pk != old.pk and any(_beyond(used, reach))):
            raise TokenWiderError
        if old.trust_rule_id is not None:
            raise TokenEndedError(
                "A CI job's token is not rotated.", remedy="Have the job exchange another of its own."
            )
        now = clock.now()
        end = {"expires_at": min(old.expires_at, now + overlap)} if overlap else {"revoked_at": now}
        in_force = Q(revoked_at=None, rotated_at=None, expires_at__gt=now)
        if not ApiToken.objects.filter(in_force, pk=old.pk).update(rotated_at=now, **end):
            raise TokenEndedError
        issued = _issue(
            reach,
            user=old.user,
            name=old.name,
            caller=caller,
            kind=TokenKind(old.kind),
            family=old.family or old,
        )
        told = {"by": show(Prefix.API_TOKEN, issued.token.pk), "overlap_seconds": int(overlap.total_seconds())}
        token_event("token.rotated", old, caller=caller, after=told)
        _key_keep(order_key, issued.token)
    return issued


def own_token_revoke(*, token: str, caller: Caller) -> None:
    """End a token of the caller's own, or any as a platform admin; a second time changes nothing.

    Raises:
        UnknownIdError: There is none, or the caller may not see it.
        RoleMissingError: It is another's, whom the caller oversees as an auditor only.
    """
    found = token_get(caller=caller, token=token)
    if found.user_id != caller.id and not caller.is_platform_admin:
        raise RoleMissingError("Tokens of others are ended by platform admins.", remedy="Ask a platform admin.")
    token_revoke(token=found, caller=caller)


def token_url(token: ApiToken) -> str:
    """Return where a token is shown."""
    return f"/api/v1/tokens/{show(Prefix.API_TOKEN, token.pk)}"


def _issue(
    reach: _Reach,
    *,
    user: User,
    name: str,
    caller: Caller,
    kind: TokenKind | None = None,
    family: ApiToken | None = None,
) -> IssuedToken:
    """Make a token that reaches so far, as ``token_issue`` does."""
    return token_issue(
        user=user,
        name=name,
        caller=caller,
        kind=kind,
        scopes=reach.scopes,
        team=reach.team,
        project=reach.project,
        networks=reach.networks,
        expires_at=reach.expires_at,
        family=family,
    )


def _key_require_new(order_key: OrderKey) -> None:
    key_claim(order_key)
    stored = answer_find(order_key)
    if stored is not None:
        msg = f"A call with this key made {stored.location}; its secret was in that answer, and is kept nowhere."
        raise SecretShownError(msg, remedy=f"POST {stored.location}/rotate with another key for a new secret.")


def _key_keep(order_key: OrderKey, token: ApiToken) -> None:
    answer_keep(order_key, StoredAnswer(status=MADE, location=token_url(token), body=b""))


def _reach(token: ApiToken) -> _Reach:
    return _Reach(
        scopes=frozenset(token.scopes),
        team=token.team,
        project=token.project,
        networks=token.networks,
        expires_at=token.expires_at,
    )


def _reach_of(ask: NewToken, *, caller: Caller, used: ApiToken | None) -> _Reach:
    """Return how far a token would reach: as asked, and where nothing is asked as the token that asks."""
    findings = list[Finding]()
    team = _named(teams_visible(caller=caller), Prefix.TEAM, ask.team, findings)
    project = _named(projects_visible(caller=caller), Prefix.PROJECT, ask.project, findings)
    findings += [_not_a_network(*each) for each in enumerate(ask.networks or ()) if not _is_network(each[1])]
    if findings:
        raise RequestRefusedError(errors=findings)
    if used is not None and team is None and project is None:
        team, project = used.team, used.project
    latest = clock.now() + DEFAULT_LIFE
    return _Reach(
        scopes=frozenset(ask.scopes),
        team=team,
        project=project,
        networks=ask.networks if ask.networks is not None else used.networks if used is not None else [],
        expires_at=ask.expires_at or (latest if used is None else min(latest, used.expires_at)),
    )


def _named(rows: QuerySet[Owner], prefix: Prefix, name: str | None, findings: list[Finding]) -> Owner | None:
    """Return a team or project by slug or id; what is not there is a finding."""
    if name is None:
        return None
    found = None
    with suppress(UnknownIdError):
        found = rows.filter(Q(pk=parse(prefix, name)) if is_id(prefix, name) else Q(slug=name)).first()
    if found is None:
        noun = KIND_OF_PREFIX[prefix]
        detail = f"There is no {noun} {name[:80]!r} that you may see."
        remedy = f"Name one of those that GET /api/v1/{noun}s lists."
        findings.append({"pointer": f"#/{noun}", "code": f"{noun}_unknown", "detail": detail, "remedy": remedy})
    return found


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _not_a_network(number: int, text: str) -> Finding:
    detail = f"{text[:43]!r} is no range of addresses, or has bits of a host in it."
    remedy = "Send the first address of a range and the length of its prefix, e.g. 10.0.0.0/8."
    return {"pointer": f"#/networks/{number}", "code": "invalid_value", "detail": detail, "remedy": remedy}


def _beyond(used: ApiToken, wanted: _Reach) -> Iterator[Finding]:
    """Yield where a token would reach further than the one in use."""
    more = sorted(wanted.scopes - set(used.scopes))
    if more:
        yield _further("scopes", f"The token that asks has not: {', '.join(more)}.", "Leave these out.")
    if used.project_id is not None and (wanted.project is None or wanted.project.pk != used.project_id):
        yield _further("project", "The token that asks is for one project alone.", "Name that project, or none.")
    elif used.team_id is not None and used.team_id not in {
        wanted.team and wanted.team.pk,
        wanted.project and wanted.project.team_id,
    }:
        yield _further("team", "The token that asks is for one team alone.", "Name it, a project of it, or none.")
    if used.networks and not (wanted.networks and all(_is_within(each, used.networks) for each in wanted.networks)):
        within = ", ".join(used.networks)
        yield _further("networks", f"The token that asks counts only from {within}.", "Name ranges within, or none.")
    if wanted.expires_at > used.expires_at:
        end = f"{used.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        yield _further("expires_at", f"The token that asks expires at {end}.", "Choose no later end, or none.")


def _further(member: str, detail: str, remedy: str) -> Finding:
    return {"pointer": f"#/{member}", "code": "beyond_own_token", "detail": detail, "remedy": remedy}


def _is_within(network: str, ranges: Collection[str]) -> bool:
    inner = ipaddress.ip_network(network)
    return any(
        inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type] # of one version
        for outer in map(ipaddress.ip_network, ranges)
    )
