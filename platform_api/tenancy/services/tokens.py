"""Tokens: made, recognized, revoked.

Form: ``slw_<kind>_<43 base-62 characters of 32 random bytes><6 base-62 characters of their CRC-32>``. Prefix and
checksum let scanners of leaked secrets be exact, and let a typing error be refused without a query.
"""

import hashlib
import ipaddress
import re
import secrets
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from platform_api.audit.services.events import event_record
from platform_api.core import clock, row_scope
from platform_api.core.addresses import address_of
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError, RefusedError, UnauthenticatedError
from platform_api.core.ids import Prefix, show
from platform_api.core.keeping import Kept
from platform_api.tenancy.models import ApiToken, Project, Team, TrustRule, User
from platform_api.tenancy.models.generations import TENANCY
from platform_api.tenancy.models.identities import CiIdentity
from platform_api.tenancy.models.scopes import ORDERING
from platform_api.tenancy.models.tokens import DEFAULT_LIFE, MAXIMUM_LIFE, ON_BEHALF_OF_LENGTH, TokenKind
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.selectors.callers import caller_of_token

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_BYTES = 32
SECRET_LENGTH = 43  # characters of base 62 that 32 bytes need
CHECKSUM_LENGTH = 6  # characters of base 62 that 32 bits need
FORM = re.compile(r"slw_(pat|svc|ci)_([0-9A-Za-z]{43})([0-9A-Za-z]{6})\Z")
LAST_USE_PRECISION = timedelta(minutes=1)

KIND_OF_OWNER = {UserKind.HUMAN: TokenKind.PERSONAL, UserKind.SERVICE: TokenKind.SERVICE}
"""Kind of token that its owner holds; one for CI is anybody's."""

_holders: Kept[str, tuple[ApiToken, Caller]] = Kept(setting="TOKEN_AGE_SECONDS", generation=TENANCY)
"""By digest; the tokens themselves are kept nowhere."""


class TokenInvalidError(UnauthenticatedError):
    """Not a token, a mistyped one, one that nobody has, or a revoked one: the answer does not tell which."""

    code = "token_invalid"
    title = "The token is not valid"
    remedy = "Use a token that is in force; make a new one if this one was revoked."


class TokenExpiredError(UnauthenticatedError):
    """Was valid once; said only to who holds the whole token."""

    code = "token_expired"
    title = "The token has expired"
    remedy = "Make a new token."


class TokenLifeError(RefusedError):
    """A life that is not allowed."""

    code = "token_life_refused"
    title = "A token lives at most 366 days"
    remedy = "Choose an expiry within 366 days from now."


class TokenOwnerError(ConflictError):
    """An owner whose tokens count for nothing."""

    code = "token_owner_inactive"
    title = "No token of an inactive user counts"
    remedy = "Choose an owner who is active."


class TokenBindingError(RefusedError):
    """Two bindings, of which nobody could tell whether both or either counts."""

    code = "token_binding_refused"
    title = "A token is narrowed to a team or to a project, not both"
    remedy = "Name a team or a project, not both."


class TokenKindError(RefusedError):
    """A token that says of its holder what its owner is not."""

    code = "token_kind_refused"
    title = "A person's token is personal, and a service's is one of a service"
    remedy = "Leave the kind out, or make a token for CI."


@dataclass(frozen=True, kw_only=True)
class IssuedToken:
    """A new token; ``secret`` is known here and nowhere else, and is never shown again."""

    token: ApiToken
    secret: str


def _base62(number: int, *, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def checksum(body: str) -> str:
    """Return the last six characters of a token: CRC-32 of the secret part, in base 62."""
    return _base62(zlib.crc32(body.encode()), length=CHECKSUM_LENGTH)


def token_digest(presented: str) -> str:
    """Return what is kept of a token: SHA-256 of the whole text, in hex."""
    return hashlib.sha256(presented.encode()).hexdigest()


def token_issue(
    *,
    user: User,
    name: str,
    caller: Caller,
    kind: TokenKind | None = None,
    scopes: Collection[str] = ORDERING,
    team: Team | None = None,
    project: Project | None = None,
    networks: Collection[str] = (),
    expires_at: datetime | None = None,
    family: ApiToken | None = None,
    trust_rule: TrustRule | None = None,
    identity: CiIdentity | None = None,
) -> IssuedToken:
    """Make a token for a user.

    Args:
        user: Whose rights the token can carry.
        name: What it is for, in its owner's words.
        caller: Who makes it; stands in the audit trail.
        kind: Who will hold it; its owner by default.
        scopes: What it may be used for.
        team: Narrows it to one team.
        project: Narrows it to one project.
        networks: CIDR ranges that it may be used from; none means any.
        expires_at: End of its life; 90 days from now by default.
        family: The first of the tokens that it is a rotation of.
        trust_rule: Why a CI job gets it.
        identity: Which job that is.

    Raises:
        TokenOwnerError: The user is inactive.
        TokenBindingError: Both a team and a project are named.
        TokenKindError: The kind is that of another kind of user.
        TokenLifeError: The expiry is past, or later than 366 days from now.
    """
    own_kind = KIND_OF_OWNER[UserKind(user.kind)]
    kind = kind or own_kind
    if not user.is_active:
        msg = f"{user.username} is inactive."
        raise TokenOwnerError(msg)
    if team is not None and project is not None:
        msg = f"Both team {team.slug} and project {project.slug} were named."
        raise TokenBindingError(msg)
    if kind not in {own_kind, TokenKind.CI}:
        msg = f"{user.username} is a {UserKind(user.kind).label.lower()}."
        raise TokenKindError(msg)
    now = clock.now()
    expires_at = expires_at or now + DEFAULT_LIFE
    if not now < expires_at <= now + MAXIMUM_LIFE:
        raise TokenLifeError
    body = _base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), length=SECRET_LENGTH)
    secret = f"slw_{kind.value}_{body}{checksum(body)}"
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            kind=kind,
            name=name,
            hint=body[:8],
            digest=token_digest(secret),
            scopes=sorted(scopes),
            team=team,
            project=project,
            networks=[str(ipaddress.ip_network(network)) for network in networks],
            expires_at=expires_at,
            family=family,
            trust_rule=trust_rule,
            on_behalf_of=str(identity or "")[:ON_BEHALF_OF_LENGTH],
        )
        given: dict[str, Any] = {"user": user.username, "scopes": token.scopes, "expires_at": expires_at.isoformat()}
        if trust_rule is not None and identity is not None:
            given |= {"trust_rule": show(Prefix.TRUST_RULE, trust_rule.pk), "claims": identity.claims()}
        token_event("token.issued", token, caller=caller, after=given)
    return IssuedToken(token=token, secret=secret)


def token_revoke(*, token: ApiToken, caller: Caller) -> None:
    """End a token's life now; a second time changes nothing."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now()):
            token_event("token.revoked", token, caller=caller)


def token_event(action: str, token: ApiToken, *, caller: Caller, after: Mapping[str, Any] | None = None) -> None:
    """Record what happens to a token, for the auditors of what it is narrowed to."""
    event_record(
        caller=caller,
        action=action,
        object_type="api_token",
        object_id=token.pk,
        object_name=token.name,
        team_id=token.team_id,
        project_id=token.project_id,
        after=after,
    )


def token_authenticate(*, presented: str, ip: str | None, correlation_id: str) -> Caller:
    """Return who presents this token, with the roles that count for it.

    A process keeps what it looked up while nothing changes, for ``TOKEN_AGE_SECONDS`` at most: within a second a
    revoked token is refused, and a role granted or taken counts. Expiry and address are judged each time.

    Raises:
        TokenInvalidError: Malformed, unknown, revoked, of an inactive user, or from an address it is not for.
        TokenExpiredError: Its life is over.
    """
    with row_scope.platform():  # who calls is known only afterwards
        return _authenticate(presented, ip=ip, correlation_id=correlation_id)


def _authenticate(presented: str, *, ip: str | None, correlation_id: str) -> Caller:
    digest = token_digest(presented)
    token, caller = _holders.get(digest, lambda: _look_up(presented, digest))
    now = clock.now()
    if token.expires_at <= now:
        msg = f"Token {show(Prefix.API_TOKEN, token.pk)} expired at {token.expires_at:%Y-%m-%d %H:%M} UTC."
        raise TokenExpiredError(msg)
    if not _is_from(token, ip):
        raise TokenInvalidError
    if token.last_used_at is None or now - token.last_used_at >= LAST_USE_PRECISION:
        ApiToken.objects.filter(
            Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USE_PRECISION), pk=token.pk
        ).update(last_used_at=now.replace(second=0, microsecond=0))
        token.last_used_at = now  # for as long as the token is kept here
    return caller.in_exchange(ip=ip, correlation_id=correlation_id)


def _look_up(presented: str, digest: str) -> tuple[ApiToken, Caller]:
    form = FORM.match(presented)
    if form is None or checksum(form[2]) != form[3]:
        raise TokenInvalidError
    found = caller_of_token(digest=digest)
    if found is None:
        raise TokenInvalidError
    return found


def _is_from(token: ApiToken, ip: str | None) -> bool:
    if not token.networks:
        return True
    address = address_of(ip)
    return address is not None and any(address in ipaddress.ip_network(network) for network in token.networks)
