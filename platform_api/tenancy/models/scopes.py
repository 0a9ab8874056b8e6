"""Scopes: what a token may be used for. A token never carries a right that its user has not."""

from collections.abc import Mapping
from enum import StrEnum


class Scope(StrEnum):
    """One kind of use; routes name the one they need."""

    CATALOG_READ = "catalog:read"
    REQUESTS_READ = "requests:read"
    REQUESTS_WRITE = "requests:write"
    RESOURCES_READ = "resources:read"
    CREDENTIALS_REVEAL = "credentials:reveal"
    AUDIT_READ = "audit:read"
    TENANCY_READ = "tenancy:read"
    TENANCY_WRITE = "tenancy:write"


USES: Mapping[Scope, str] = {
    Scope.CATALOG_READ: "see what can be ordered, and the policies",
    Scope.REQUESTS_READ: "watch requests and runs",
    Scope.REQUESTS_WRITE: "order, change and give back",
    Scope.RESOURCES_READ: "see resources and environments",
    Scope.CREDENTIALS_REVEAL: "be shown credentials",
    Scope.AUDIT_READ: "read the audit trail",
    Scope.TENANCY_READ: "see teams, projects, quotas and tokens",
    Scope.TENANCY_WRITE: "make, rotate and end tokens",
}
"""What each is for, in a person's words."""

READING = frozenset({Scope.CATALOG_READ, Scope.REQUESTS_READ, Scope.RESOURCES_READ, Scope.TENANCY_READ})
"""What a token of a dashboard needs."""

ORDERING = READING | {Scope.REQUESTS_WRITE, Scope.CREDENTIALS_REVEAL}
"""What a token of a developer or a script needs; the default."""

ALL = frozenset(Scope)
