"""Users are made; people log in with a password only where no sign-on is configured."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError
from platform_api.tenancy.models import User
from platform_api.tenancy.models.users import UserKind


class UsernameTakenError(ConflictError):
    """Another user has this name."""

    code = "name_taken"
    title = "The name is taken"
    remedy = "Choose another username."


def user_create(
    *,
    username: str,
    caller: Caller,
    name: str = "",
    email: str = "",
    kind: UserKind = UserKind.HUMAN,
    password: str | None = None,
    is_auditor: bool = False,
    is_platform_admin: bool = False,
) -> User:
    """Make a user.

    Args:
        username: Log-in name.
        caller: Who makes it.
        name: How others read it.
        email: Where to reach them.
        kind: Person or service.
        password: For the admin site's log-in; None means that no password opens the account.
        is_auditor: Reads everything.
        is_platform_admin: Runs the platform.

    Raises:
        UsernameTakenError: There is one with this name.
    """
    user = User(
        username=username,
        name=name,
        email=email,
        kind=kind,
        is_auditor=is_auditor,
        is_platform_admin=is_platform_admin,
    )
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            given = {"kind": kind, "is_auditor": is_auditor, "is_platform_admin": is_platform_admin}
            user_event("user.created", user, caller=caller, after=given)
    except IntegrityError as error:
        msg = f"There is a user {username} already."
        raise UsernameTakenError(msg) from error
    return user


def user_event(
    action: str,
    user: User | None,
    *,
    caller: Caller,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    outcome: Outcome = Outcome.SUCCEEDED,
    code: str = "",
    reason: str = "",
) -> None:
    """Record what happens to a user, or would if there were one, as ``event_record`` does."""
    event_record(
        caller=caller,
        action=action,
        object_type="user",
        object_id=user.pk if user else None,
        object_name=user.username if user else "",
        before=before,
        after=after,
        outcome=outcome,
        code=code,
        reason=reason,
    )
