"""Settings of a stage: those of a checkout, with times as short as its leases, and a seeded bug if one is asked for."""

from platform_api.settings.development import *  # noqa: F403 - an environment is the base with its differences
from platform_api.settings.development import DATABASES, INSTALLED_APPS
from tests.faults.terms import IDLE_IN_TRANSACTION_MS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.apps.FaultsConfig"]
# The last of several counts.
DATABASES["default"]["OPTIONS"]["options"] += f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"
