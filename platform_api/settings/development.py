"""A checkout on a person's machine, and the embedded stack."""

from platform_api.settings.base import *  # noqa: F403 - an environment is the base with its differences

WHITENOISE_USE_FINDERS = True  # no collectstatic needed in a checkout
STATIC_ROOT = None
