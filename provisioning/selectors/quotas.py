"""What a resource holds of a quota, and of whose."""

from governance.models.quotas import POINTS
from governance.services.quota_limits import ProjectFacts
from platform_api.tenancy.models import Project


def amounts_of(*, points: int, kind: str) -> dict[str, int]:
    """Return what one resource of a kind takes, by kind of quota."""
    return {POINTS: points, f"count:{kind}": 1}


def project_facts(project: Project) -> ProjectFacts:
    """Return whose quotas count for a project; its team is loaded already, or is now."""
    return ProjectFacts(
        project_id=project.pk,
        project_slug=project.slug,
        team_id=project.team_id,
        team_slug=project.team.slug,
    )
