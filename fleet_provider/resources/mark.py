"""The mark by which an object on a server is known as Slipway's own, and whose it is.

The mark is the object's comment. It names who manages the object (``managed_by``, such as a resource's id,
the same in every run), so an object that was made but missed Terraform's state, because Terraform was killed,
is known again. A role's comment can be set by an admin of that role only; a database's also by its owner, the
customer, who gains nothing by it: names are unique, and no customer may create or rename a database.

Comments are readable by everybody who can log in, so a mark holds no secret.
"""

import re

_TEXT = "Managed by Slipway for {managed_by}; changes by hand are undone."
_PATTERN = re.compile(r"Managed by Slipway for (?P<managed_by>\S{1,200}); changes by hand are undone\.")


def mark_make(managed_by: str) -> str:
    """Return the comment for an object of ``managed_by``."""
    return _TEXT.format(managed_by=managed_by)


def mark_read(comment: str | None) -> str:
    """Return whom a comment names; empty where it is no mark."""
    match = _PATTERN.fullmatch(comment or "")
    return match["managed_by"] if match else ""
