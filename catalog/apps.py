"""What may be ordered: offerings, their versions and plans, and the targets they are made on."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Knows what can be ordered; nothing of who ordered what."""

    name = "catalog"
    verbose_name = "Catalog"
