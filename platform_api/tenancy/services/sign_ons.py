"""People whom the company's sign-on vouches for: found, made at their first log-in, given the roles of their groups."""

import hashlib
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction

from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError, ForbiddenError
from platform_api.tenancy.models import SignOn, User
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.sessions import sessions_end
from platform_api.tenancy.services.users import UsernameTakenError, user_create, user_event

if TYPE_CHECKING:
    from platform_api.settings.components.identity import SignOnSettings

USERNAME_LENGTH = 64
TAIL_LENGTH = 8


class SignOnUnknownError(ForbiddenError):
    """The provider vouches for a person whom nobody made a user for, and none is made by itself here."""

    code = "sign_on_unknown"
    title = "Nobody has made an account for you here"
    remedy = "Ask a platform admin to link your account: manage.py sign_on link USER SUBJECT"


class SignOnInactiveError(ForbiddenError):
    """The person's access was ended."""

    code = "sign_on_inactive"
    title = "Your access here has ended"
    remedy = "Ask a platform admin."


class SignOnTakenError(ConflictError):
    """What the provider calls somebody is linked to a user already."""

    code = "sign_on_taken"
    title = "This sign-on is a user's already"
    remedy = "A sign-on names one user for good; choose another subject."


class SignOnAbsentError(ConflictError):
    """People log in by password here."""

    code = "sign_on_absent"
    title = "No sign-on is configured"
    remedy = "Set SLIPWAY_OIDC_ISSUER and what belongs to it; see .env.example."


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What the provider says of a person, once its word was proven.

    Attributes:
        issuer: Who says it.
        subject: Its permanent name of the person; the only thing that a user is found by.
        username: What to call a new user; only a wish.
        name: How others read it.
        email: Where to reach them; never a reason to take them for somebody.
        groups: The person's groups.
    """

    issuer: str
    subject: str
    username: str
    name: str
    email: str
    groups: AbstractSet[str]


def sign_on_chosen() -> "SignOnSettings":
    """Return the provider that vouches for people here.

    Raises:
        SignOnAbsentError: There is none.
    """
    chosen: SignOnSettings | None = settings.SIGN_ON
    if chosen is None:
        raise SignOnAbsentError
    return chosen


def sign_on_person(*, claims: Claims, caller: Caller) -> User:
    """Return the user that a person is, made where that is allowed, with the roles that their groups give.

    Args:
        claims: What the provider says.
        caller: Who comes with it.

    Raises:
        SignOnUnknownError: There is no user, and none may be made.
        SignOnInactiveError: The user is inactive.
    """
    user = _known(claims) or _made(claims, caller)
    if not user.is_active or user.kind != UserKind.HUMAN:
        raise SignOnInactiveError
    _follow_groups(user, claims, caller)
    return user


def sign_on_link(*, user: User, subject: str, reason: str, caller: Caller) -> SignOn:
    """Let a person who has a user come in by the sign-on.

    Args:
        user: Who they are here.
        subject: Who they are to the provider: its claim ``sub``.
        reason: How it is known that both are one; stands in the audit trail.
        caller: Who says so.

    Raises:
        SignOnAbsentError: There is no provider.
        SignOnTakenError: The subject is linked already.
    """
    issuer = sign_on_chosen().issuer
    try:
        with transaction.atomic():
            return _link(user, issuer, subject, caller, reason=reason)
    except IntegrityError as error:
        msg = f"{subject} of {issuer} is linked to a user."
        raise SignOnTakenError(msg) from error


def _known(claims: Claims) -> User | None:
    return User.objects.filter(sign_ons__issuer=claims.issuer, sign_ons__subject=claims.subject).first()


def _made(claims: Claims, caller: Caller) -> User:
    if not sign_on_chosen().creates_users:
        raise SignOnUnknownError
    try:
        with transaction.atomic():
            user = user_create(
                username=_free_username(claims), caller=caller, name=claims.name[:200], email=claims.email[:254]
            )
            _link(user, claims.issuer, claims.subject, caller, reason="first log-in")
    except (IntegrityError, UsernameTakenError):
        made_meanwhile = _known(claims)  # by the same person's other window
        if made_meanwhile is None:
            raise
        return made_meanwhile
    return user


def _link(user: User, issuer: str, subject: str, caller: Caller, *, reason: str) -> SignOn:
    made = SignOn.objects.create(user=user, issuer=issuer, subject=subject)
    user_event("sign_on.linked", user, caller=caller, after={"issuer": issuer, "subject": subject}, reason=reason)
    return made


def _free_username(claims: Claims) -> str:
    """Return a name that is nobody's: the one wished for, or that with a tail that follows from the subject."""
    wished = re.sub(r"[^a-z0-9._-]+", "-", claims.username.lower()).strip("._-")[:USERNAME_LENGTH].strip("._-")
    tail = hashlib.sha256(f"{claims.issuer} {claims.subject}".encode()).hexdigest()[:TAIL_LENGTH]
    if len(wished) > 1 and not User.objects.filter(username=wished).exists():
        return wished
    return f"{wished[: USERNAME_LENGTH - TAIL_LENGTH - 1] or 'person'}-{tail}"


def _follow_groups(user: User, claims: Claims, caller: Caller) -> None:
    """Give and take the roles on everything; without groups in the settings they are given here, by hand."""
    chosen = sign_on_chosen()
    if not chosen.auditor_groups and not chosen.admin_groups:
        return
    before = {"is_auditor": user.is_auditor, "is_platform_admin": user.is_platform_admin}
    after = {
        "is_auditor": bool(claims.groups & chosen.auditor_groups),
        "is_platform_admin": bool(claims.groups & chosen.admin_groups),
    }
    if before == after:
        return
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(**after)
        sessions_end(user=user)
        reason = "groups of the sign-on"
        user_event("user.roles_changed", user, caller=caller, before=before, after=after, reason=reason)
    user.refresh_from_db()
