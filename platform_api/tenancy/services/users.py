"""Users are made; people log in with a password only where no sign-on is configured."""

from django.db import IntegrityError, transaction

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
            event_record(
                caller=caller,
                action="user.created",
                object_type="user",
                object_id=user.pk,
                object_name=username,
                after={"kind": kind, "is_auditor": is_auditor, "is_platform_admin": is_platform_admin},
            )
    except IntegrityError as error:
        msg = f"There is a user {username} already."
        raise UsernameTakenError(msg) from error
    return user
