"""May it be ordered: quotas and policies."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """Judges asks; knows nothing of the catalog and of provisioning, whose things it names by plain ids."""

    name = "governance"
    label = "governance"
    verbose_name = "Governance"
