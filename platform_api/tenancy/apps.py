"""Users, teams, projects, roles and tokens: who may ask, and for whom."""

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    """The app that everything with an owner builds on."""

    name = "platform_api.tenancy"
    label = "tenancy"
    verbose_name = "Teams and people"
