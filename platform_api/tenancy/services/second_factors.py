"""Second factors: enrolled, proven at each log-in, and reset when the phone is lost (TOTP, RFC 6238)."""

import base64
import hashlib
import re
import secrets
import textwrap
from typing import NoReturn
from urllib.parse import quote, urlencode

from django.db import IntegrityError, transaction
from django_otp.oath import TOTP

from platform_api.audit.models import Outcome
from platform_api.core import clock
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError, RefusedError
from platform_api.core.sealing import seal, unseal
from platform_api.tenancy.models import RecoveryCode, SecondFactor, User
from platform_api.tenancy.services.log_in_throttles import address_bucket, attempt_give_back, attempt_take, code_bucket
from platform_api.tenancy.services.sessions import Means, sessions_end
from platform_api.tenancy.services.users import user_event

ISSUER = "Slipway"
KEY_BYTES = 20  # what RFC 4226 recommends, and every authenticator takes
TOLERANCE_STEPS = 1  # 30 seconds too early or too late: clocks of phones, and fingers
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10  # 80 random bits need no stretching
CODE_FORM = re.compile(r"[0-9]{6}\Z")
NEVER = -1


class CodeWrongError(RefusedError):
    """Not the code of this moment, one that was used before, or no recovery code that is left."""

    code = "code_wrong"
    title = "The code is not right, or was used before"
    remedy = "Wait for the next code of your authenticator. If you have lost it, use a recovery code."


class SecondFactorExistsError(ConflictError):
    """There is one already; a second would leave the first in somebody's pocket."""

    code = "second_factor_exists"
    title = "There is a second factor already"
    remedy = "Log in with it, or have it reset: manage.py second_factor reset USER --reason …"


class SecondFactorMissingError(ConflictError):
    """Nothing to reset."""

    code = "second_factor_missing"
    title = "There is no second factor"


def key_make(*, user: User) -> bytes:
    """Return a new key, sealed for the user; it counts once ``second_factor_enroll`` has seen a code of it."""
    return seal(secrets.token_bytes(KEY_BYTES), place=_place(user))


def key_text(*, user: User, sealed: bytes) -> str:
    """Return a key as people type it: base 32, in groups of four."""
    return _grouped(_base32(unseal(sealed, place=_place(user))))


def key_address(*, user: User, sealed: bytes) -> str:
    """Return a key as authenticators scan it, an ``otpauth`` address."""
    query = urlencode({"secret": _base32(unseal(sealed, place=_place(user))), "issuer": ISSUER})
    return f"otpauth://totp/{quote(f'{ISSUER}:{user.username}')}?{query}"


def second_factor_enroll(*, user: User, sealed: bytes, code: str, caller: Caller) -> list[str]:
    """Make a key a person's second factor, once a code of it shows that their authenticator has it.

    Args:
        user: Whose it becomes.
        sealed: What ``key_make`` returned.
        code: Six digits that the authenticator shows now.
        caller: Who enrolls it.

    Returns:
        The recovery codes; known here and nowhere else.

    Raises:
        CodeWrongError: The code is not one of the key's.
        SecondFactorExistsError: The person has one.
        LogInThrottledError: Too many codes in too short a time.
    """
    buckets = (address_bucket(caller.ip), code_bucket(user.pk))
    attempt_take(*buckets, caller=caller)
    step = _step_of(unseal(sealed, place=_place(user)), _plain(code), after=NEVER)
    if step is None:
        _refuse(user, caller)
    codes = [_grouped(_base32(secrets.token_bytes(RECOVERY_CODE_BYTES)).lower()) for _ in range(RECOVERY_CODES)]
    try:
        with transaction.atomic():
            factor = SecondFactor.objects.create(user=user, sealed_key=sealed, last_step=step)
            RecoveryCode.objects.bulk_create(
                RecoveryCode(second_factor=factor, digest=_digest(_plain(each))) for each in codes
            )
            user_event("second_factor.enrolled", user, caller=caller)
    except IntegrityError as error:
        raise SecondFactorExistsError from error
    attempt_give_back(*buckets)
    return codes


def second_factor_prove(*, user: User, code: str, caller: Caller) -> Means:
    """Tell by what a person has shown their second factor; each code counts once, also when two come at once.

    Args:
        user: Who logs in; has one.
        code: Six digits of the authenticator, or a recovery code; blanks and hyphens count for nothing.
        caller: Who says so.

    Raises:
        CodeWrongError: Neither of both.
        LogInThrottledError: Too many codes in too short a time.
    """
    buckets = (address_bucket(caller.ip), code_bucket(user.pk))
    attempt_take(*buckets, caller=caller)
    given, factor = _plain(code), user.second_factor
    if _takes_code(factor, given, user):
        means = Means.CODE
    elif _takes_recovery_code(factor, given, user, caller):
        means = Means.RECOVERY_CODE
    else:
        _refuse(user, caller)
    attempt_give_back(*buckets)
    return means


def second_factor_reset(*, user: User, reason: str, caller: Caller) -> None:
    """Take a lost second factor away, and end every session; the next log-in enrolls a new one.

    Args:
        user: Whose it is.
        reason: Why, and how it is known that they ask; stands in the audit trail.
        caller: Who does it.

    Raises:
        SecondFactorMissingError: There is none.
    """
    with transaction.atomic():
        removed, _ = SecondFactor.objects.filter(user=user).delete()
        if not removed:
            msg = f"{user.username} has none."
            raise SecondFactorMissingError(msg)
        sessions_end(user=user)
        user_event("second_factor.reset", user, caller=caller, reason=reason)


def recovery_codes_left(*, user: User) -> int:
    """Return how many recovery codes a person has not used yet."""
    return RecoveryCode.objects.filter(second_factor__user=user, used_at=None).count()


def _takes_code(factor: SecondFactor, given: str, user: User) -> bool:
    step = _step_of(unseal(bytes(factor.sealed_key), place=_place(user)), given, after=factor.last_step)
    # The row is the referee between two log-ins with one code.
    return step is not None and bool(
        SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step).update(last_step=step)
    )


def _takes_recovery_code(factor: SecondFactor, given: str, user: User, caller: Caller) -> bool:
    unused = RecoveryCode.objects.filter(second_factor=factor, digest=_digest(given), used_at=None)
    with transaction.atomic():
        if not unused.update(used_at=clock.now()):
            return False
        left = {"recovery_codes_left": recovery_codes_left(user=user)}
        user_event("recovery_code.used", user, caller=caller, after=left)
    return True


def _step_of(key: bytes, given: str, *, after: int) -> int | None:
    """Return the number of the 30 seconds whose code this is; None where it is none, or not after the last one."""
    if not CODE_FORM.match(given):
        return None
    totp = TOTP(key)
    totp.time = clock.now().timestamp()
    is_right = totp.verify(int(given), tolerance=TOLERANCE_STEPS, min_t=after + 1)
    return int(totp.t()) if is_right else None


def _refuse(user: User, caller: Caller) -> NoReturn:
    user_event("second_factor.refused", user, caller=caller, outcome=Outcome.REFUSED, code=CodeWrongError.code)
    raise CodeWrongError("The code is not right, or was used before.")


def _place(user: User) -> str:
    return f"second_factor/{user.pk}/key"


def _base32(value: bytes) -> str:
    return base64.b32encode(value).decode()


def _grouped(text: str) -> str:
    return "-".join(textwrap.wrap(text, 4))


def _plain(given: str) -> str:
    return re.sub(r"[\s-]", "", given).lower()


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
