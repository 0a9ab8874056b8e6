"""Sessions of people: what opens one, what it counts for, and how all of a person's end."""

from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import F

from platform_api.audit.models import Outcome
from platform_api.core.callers import Caller
from platform_api.core.errors import UnauthenticatedError
from platform_api.tenancy.models import User
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.log_in_throttles import address_bucket, attempt_give_back, attempt_take, name_bucket
from platform_api.tenancy.services.users import user_event

MEANS = "means"
"""Where a session keeps by what it was opened."""

SESSION_LIFE = timedelta(hours=8)
"""From the log-in on, however much is done meanwhile: a working day."""


class Means(StrEnum):
    """By what a person has shown who they are."""

    SIGN_ON = "sign_on"
    """The company's sign-on; whether it asks for a second factor is its own rule."""
    CODE = "password_and_code"
    RECOVERY_CODE = "password_and_recovery_code"
    PASSWORD = "password"  # noqa: S105 - a word for it, not one


PROVEN = frozenset({Means.SIGN_ON, Means.CODE, Means.RECOVERY_CODE})
"""What counts where a second factor is demanded."""


class LogInRefusedError(UnauthenticatedError):
    """Wrong name, wrong password, no password, no person, or inactive: nobody learns which."""

    code = "log_in_refused"
    title = "This username and password do not let you in"
    remedy = "Mind upper and lower case. A platform admin can tell you whether you have an account."


def person_of_session(*, user: object, session: SessionBase) -> User | None:
    """Return the person whom a session lets in, to the admin site and to the API alike; None where it does not count.

    Args:
        user: Whose session it is, as Django found.
        session: What the session holds.
    """
    if not isinstance(user, User) or not user.is_active or user.kind != UserKind.HUMAN:
        return None
    return user if session.get(MEANS) in PROVEN or not settings.SECOND_FACTOR_REQUIRED else None


def password_prove(*, username: str, password: str, caller: Caller) -> User:
    """Return the person whose name and password these are; the first half of a log-in.

    Somebody and nobody cost the same: one count by address, one by name, one password hash, one event.

    Args:
        username: As it was typed.
        password: As it was typed.
        caller: Nobody in particular yet, with the address.

    Raises:
        LogInRefusedError: They let nobody in.
        LogInThrottledError: Too many attempts with this name, or from this address.
    """
    buckets = (address_bucket(caller.ip), name_bucket(username))
    attempt_take(*buckets, caller=caller)
    user = authenticate(None, username=username, password=password)
    if not isinstance(user, User) or user.kind != UserKind.HUMAN:
        known = User.objects.filter(username=username).first()
        user_event(  # what was typed is not told: people type passwords into this field
            "log_in.refused",
            known,
            caller=caller,
            outcome=Outcome.REFUSED,
            code=LogInRefusedError.code,
            reason=LogInRefusedError.title,
        )
        raise LogInRefusedError("This username and password do not let you in.")
    attempt_give_back(*buckets)
    return user


def session_opened(*, user: User, means: Means, caller: Caller) -> None:
    """Record that a person has logged in."""
    user_event("session.opened", user, caller=caller, after={"means": means})


def session_closed(*, user: User, caller: Caller) -> None:
    """Record that a person has logged out."""
    user_event("session.closed", user, caller=caller)


def sessions_end(*, user: User) -> None:
    """Let no session of a user count any more, in whatever browser; for the transaction of what calls for it."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
