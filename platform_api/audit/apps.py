"""The history that an auditor can rely on."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Append-only events; knows nothing of what they are about."""

    name = "platform_api.audit"
    label = "audit"
    verbose_name = "Audit"
