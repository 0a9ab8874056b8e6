"""What a browser's session holds: somebody on the way in, or a person who is in."""

import base64
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY, login
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from platform_api.core import clock, correlation
from platform_api.core.callers import Caller, anonymous_caller
from platform_api.tenancy.models import SecondFactor, User
from platform_api.tenancy.selectors.callers import caller_logging_in
from platform_api.tenancy.services.second_factors import key_make
from platform_api.tenancy.services.sessions import MEANS, SESSION_LIFE, Means, person_of_session, session_opened

ENTERING_LIFE = timedelta(minutes=10)
"""How long a password holds the door for the second factor."""

_ENTERING = "entering"
_KEY = "second_factor_key"


@dataclass(frozen=True)
class Entering:
    """Somebody whose password was right, and who is nobody to the site and the API until the rest is.

    Attributes:
        user: Who they say they are.
        wish: Where they want to go; None for nowhere in particular.
    """

    user: User
    wish: str | None


def nobody(request: HttpRequest) -> Caller:
    """Return whoever stands at the door."""
    return anonymous_caller(ip=request.META.get("REMOTE_ADDR"), correlation_id=correlation.current())


def comer(request: HttpRequest, user: User) -> Caller:
    """Return who is about to come in."""
    return caller_logging_in(user=user, ip=request.META.get("REMOTE_ADDR"), correlation_id=correlation.current())


def person_of(request: HttpRequest) -> User | None:
    """Return the person who is in; None for everybody else."""
    return person_of_session(user=request.user, session=request.session)


def destination(user: User, wish: str | None) -> str:
    """Return where somebody goes who has come in: the page they wanted, unless it would not let them in.

    Args:
        user: Who came.
        wish: Address on this host; None for none.
    """
    home = reverse("admin:index")
    if user.is_staff:
        return wish or home
    return wish if wish and not wish.startswith(home) else reverse("docs")


def entering_begin(request: HttpRequest, *, user: User, wish: str | None) -> None:
    """Remember for ten minutes whose password was right; under a new key, lest somebody else knew the old one."""
    request.session.cycle_key()
    request.session[_ENTERING] = {
        "user": str(user.pk),
        "until": (clock.now() + ENTERING_LIFE).timestamp(),
        "wish": wish,
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    expire_soon(request)


def expire_soon(request: HttpRequest) -> None:
    """Keep what a session holds of somebody on the way in no longer than it counts."""
    request.session.set_expiry(clock.now() + ENTERING_LIFE)


def entering_of(request: HttpRequest) -> Entering | None:
    """Return who is on the way in; None when nobody is, or took too long, or was changed meanwhile."""
    kept = request.session.get(_ENTERING)
    if kept is None or kept["until"] < clock.now().timestamp():
        return None
    user = User.objects.select_related("second_factor").filter(pk=UUID(kept["user"]), is_active=True).first()
    if user is None or not constant_time_compare(kept[HASH_SESSION_KEY], user.get_session_auth_hash()):
        return None
    return Entering(user, kept["wish"])


def has_second_factor(user: User) -> bool:
    """Tell whether a person has enrolled one."""
    return SecondFactor.objects.filter(user=user).exists()


def key_of(request: HttpRequest, user: User) -> bytes:
    """Return the sealed key that a person is about to enroll; the same until they have, so that pages agree."""
    kept = request.session.get(_KEY)
    if kept is None or kept["user"] != str(user.pk):
        kept = {"user": str(user.pk), "sealed": base64.b64encode(key_make(user=user)).decode()}
        request.session[_KEY] = kept
    return base64.b64decode(kept["sealed"])


def come_in(request: HttpRequest, *, user: User, means: Means) -> None:
    """Open the session: eight hours from now, whatever is done meanwhile."""
    for name in (_ENTERING, _KEY):
        request.session.pop(name, None)
    login(request, user, backend=getattr(user, "backend", None) or "django.contrib.auth.backends.ModelBackend")
    request.session[MEANS] = means
    request.session.set_expiry(clock.now() + SESSION_LIFE)
    session_opened(user=user, means=means, caller=comer(request, user))
