"""Roles and the rights they carry, as data. A role on a team counts in each of the team's projects."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a user may be on a team or on one project; each is one guardian permission of the same name."""

    VIEWER = "viewer"
    """Reads."""
    DEVELOPER = "developer"
    """Orders, changes and gives back."""
    APPROVER = "approver"
    """Decides on what a rule puts before a person; never on an ask of their own."""
    ADMIN = "admin"
    """A developer who also manages people, tokens and limits."""


class Right(StrEnum):
    """What a route asks for."""

    VIEW = "view"
    ORDER = "order"
    REVEAL = "reveal"
    APPROVE = "approve"
    ADMINISTER = "administer"
    READ_AUDIT = "read_audit"


RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.VIEW}),
    Role.DEVELOPER: frozenset({Right.VIEW, Right.ORDER, Right.REVEAL}),
    Role.APPROVER: frozenset({Right.VIEW, Right.APPROVE}),
    Role.ADMIN: frozenset({Right.VIEW, Right.ORDER, Right.REVEAL, Right.ADMINISTER, Right.READ_AUDIT}),
}

OVERSEER_RIGHTS = frozenset({Right.VIEW, Right.READ_AUDIT})
"""What auditors and platform admins may do in every project; neither orders for others nor sees their secrets."""

ROLE_PERMISSIONS = tuple((role.value, f"Is {role.value} here") for role in Role)
"""The permissions of Team and Project, in the form that Django's Meta takes."""


def rights_of(roles: Iterable[str]) -> frozenset[Right]:
    """Return all rights that a set of role names carries."""
    return frozenset[Right]().union(*(RIGHTS[Role(role)] for role in roles))


def roles_with(right: Right) -> list[Role]:
    """Return the roles that carry a right, for error texts that name who can help."""
    return [role for role, rights in RIGHTS.items() if right in rights]
