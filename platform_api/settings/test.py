"""The test suite: real PostgreSQL and Valkey, whose addresses tests/plugins/servers.py puts into the environment."""

import os

# mypy's Django plugin and the linters load these settings without servers; nothing connects at import.
os.environ.setdefault("DATABASE_URL", "postgresql://slipway_app:unused@127.0.0.1:1/slipway")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")
os.environ.setdefault("SECRET_KEY", "only-for-tests-and-long-enough-to-sign-a-session-with-it")
os.environ.setdefault("SLIPWAY_ROW_SCOPE", "all")  # tests look at everything; the calls that they make bring their own
os.environ.setdefault("SLIPWAY_SEALING_KEYS", "1:" + "A" * 43 + "=")

from platform_api.settings.base import *  # noqa: F403 - the defaults above come first; the base with its differences

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a real hash costs 0.3 s for each user
WHITENOISE_AUTOREFRESH = True
CATALOG_AGE_SECONDS = 0.0  # one test must not order from the catalog of another
PLACE_AGE_SECONDS = 0.0  # nor in its places
RATES = dict.fromkeys(RATES, (1_000_000, 1_000_000))  # noqa: F405 - counted, and never too many
TOKEN_AGE_SECONDS = 0.0  # nor act with the roles of another
