"""Which trust rule takes a job."""

from platform_api.tenancy.models import TrustRule
from platform_api.tenancy.models.identities import EVENTS, CiIdentity


def trust_rule_for(identity: CiIdentity) -> TrustRule | None:
    """Return the rule that describes a job most closely, the oldest of equals; None where none takes it.

    The repository counts by its number alone: a name may be given up, and taken by somebody else.
    """
    rules = (
        TrustRule.objects.select_related("user", "team", "project")
        .filter(
            issuer=identity.issuer,
            repository_id=identity.repository_id,
            disabled_at=None,
            user__is_active=True,
        )
        .order_by("pk")
    )
    if identity.event not in EVENTS[identity.kind]:
        return None
    return max((rule for rule in rules if rule.takes(identity)), key=lambda rule: rule.closeness, default=None)
