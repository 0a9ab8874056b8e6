"""Users, by the name that people know them by."""

from platform_api.core.errors import NotFoundError
from platform_api.tenancy.models import User


class UserUnknownError(NotFoundError):
    """Nobody has this name; told to operators only."""

    code = "user_unknown"
    title = "There is no such user"
    remedy = "The admin site lists all of them, under Users."


def user_named(*, username: str) -> User:
    """Return the user with a log-in name.

    Raises:
        UserUnknownError: There is none.
    """
    found = User.objects.filter(username=username).first()
    if found is None:
        msg = f"There is no user {username}."
        raise UserUnknownError(msg)
    return found
