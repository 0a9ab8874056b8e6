"""The project of the quota tests; governance knows projects by their ids only."""

from uuid import UUID

from governance.models import Quota, QuotaEntry
from governance.selectors.quotas import quota_reconcile
from governance.services.quota_limits import ProjectFacts
from platform_api.core.ids import new_id

CHECKOUT = ProjectFacts(project_id=new_id(), project_slug="checkout", team_id=new_id(), team_slug="shop")


def figures(facts: ProjectFacts = CHECKOUT) -> dict[str, tuple[int, int]]:
    """Return (reserved, used) by scope and kind, and check them against the ledger on the way."""
    assert quota_reconcile() == []
    rows = Quota.objects.filter(scope_id__in=[facts.project_id, facts.team_id])
    return {f"{row.scope_name} {row.kind}": (row.reserved, row.used) for row in rows}


def moves(subject_id: UUID) -> list[tuple[str, str, str, int]]:
    """Return what the ledger says of a subject, oldest first."""
    entries = QuotaEntry.objects.filter(subject_id=subject_id).order_by("id").select_related("quota")
    return [(entry.quota.scope_type, entry.move, entry.pool, entry.amount) for entry in entries]
