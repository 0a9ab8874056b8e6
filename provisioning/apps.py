"""Asks, runs, and what they leave behind."""

from django.apps import AppConfig


class ProvisioningConfig(AppConfig):
    """The app that turns an accepted ask into a resource."""

    name = "provisioning"
    label = "provisioning"
    verbose_name = "Provisioning"
