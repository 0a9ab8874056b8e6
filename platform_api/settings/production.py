"""Behind TLS, with a log collector; a weak key stops the start."""

from django.core.exceptions import ImproperlyConfigured

from platform_api.settings import env
from platform_api.settings.base import *  # noqa: F403 - an environment is the base with its differences
from platform_api.settings.base import CI_ISSUERS, SECRET_KEY, SIGN_ON
from platform_api.settings.components.logs import logs

MINIMUM_SECRET_KEY_LENGTH = 50
"""Django's own deployment check asks for as much."""

if len(SECRET_KEY) < MINIMUM_SECRET_KEY_LENGTH:
    raise ImproperlyConfigured("SECRET_KEY is too short; make one of at least 50 random characters.")

for name, issuers in {
    "SLIPWAY_CI_ISSUERS": CI_ISSUERS,
    "SLIPWAY_OIDC_ISSUER": [SIGN_ON.issuer] if SIGN_ON else [],
}.items():
    if not all(issuer.startswith("https://") for issuer in issuers):
        msg = f"{name} names an issuer without TLS; its keys could be anybody's."
        raise ImproperlyConfigured(msg)

if env.is_given("SLIPWAY_FAILPOINTS"):
    raise ImproperlyConfigured("SLIPWAY_FAILPOINTS lets files stop and break this process; it is for tests alone.")

LOGGING = logs(is_json=True, level=env.text("SLIPWAY_LOG_LEVEL", default="INFO"))

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.flag("SLIPWAY_TLS_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECOND_FACTOR_REQUIRED = True
# A browser takes a name with __Host- only over TLS, from this very host, for all of its paths.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
