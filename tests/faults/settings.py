"""Settings of a stage: those of a checkout, with times as short as its leases, and a seeded bug if one is asked for."""

from platform_api.settings.development import *  # noqa: F403 - an environment is the base with its differences
from platform_api.settings.development import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.apps.FaultsConfig"]
