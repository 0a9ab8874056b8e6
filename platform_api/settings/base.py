"""What holds in every environment."""

from pathlib import Path

from platform_api.settings import env
from platform_api.settings.components import worker
from platform_api.settings.components.browsers import (  # noqa: F401 - settings by their names
    CORS_ALLOW_CREDENTIALS,
    CORS_ALLOW_HEADERS,
    CORS_EXPOSE_HEADERS,
    CORS_MIDDLEWARE,
    CORS_URLS_REGEX,
    EVERYBODY,
    cors_origins,
)
from platform_api.settings.components.celery import celery
from platform_api.settings.components.ci import trusted_issuers
from platform_api.settings.components.database import databases
from platform_api.settings.components.document import SPECTACULAR_SETTINGS  # noqa: F401 - settings by their names
from platform_api.settings.components.fleet import fleet_database, fleet_valkey
from platform_api.settings.components.governance import policy_places, quota_defaults
from platform_api.settings.components.identity import authentication_backends, sign_on
from platform_api.settings.components.logs import logs
from platform_api.settings.components.metrics import (
    dispatcher_metrics_port,
    metrics_folder,
    metrics_host,
    metrics_token,
    worker_metrics_port,
)
from platform_api.settings.components.rates import rates
from platform_api.settings.components.rest import (
    REST_FRAMEWORK,  # noqa: F401 - settings by their names
    idempotency_key_required,
)

BASE_DIR = Path(__file__).resolve().parents[2]

SECRET_KEY = env.secret("SECRET_KEY")
SEALING_KEYS = env.secret("SLIPWAY_SEALING_KEYS")
DEBUG = False
ALLOWED_HOSTS = env.words("SLIPWAY_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

INSTALLED_APPS = [
    "catalog",
    "platform_api.tenancy",
    "platform_api.audit",
    "platform_api.idempotency",
    "provisioning",
    "governance",
    "django.contrib.admin.apps.SimpleAdminConfig",  # what is on the site stands in platform_api/admin.py
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "platform_api.core.http.correlation.CorrelationMiddleware",
    "platform_api.core.http.exchanges.ExchangeMiddleware",
    "platform_api.core.http.row_scope.RowScopeMiddleware",
    "platform_api.core.http.security.SecurityHeadersMiddleware",
    "platform_api.core.http.sanity.CallSanityMiddleware",
    "platform_api.core.http.deprecation.DeprecationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "platform_api.core.http.browsers.BrowserSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "platform_api.core.http.browsers.BrowserCsrfMiddleware",
    "platform_api.core.http.browsers.BrowserUserMiddleware",
    "platform_api.core.http.browsers.BrowserMessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

CORS_ORIGINS = cors_origins()
CORS_ALLOW_ALL_ORIGINS = CORS_ORIGINS == EVERYBODY
CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else CORS_ORIGINS
if CORS_ORIGINS:
    INSTALLED_APPS.append("corsheaders")
    MIDDLEWARE.insert(1, CORS_MIDDLEWARE)  # before whatever could answer; only the correlation id is around it

# Django looks for its own CSRF middleware by name; BrowserCsrfMiddleware is made from it.
SILENCED_SYSTEM_CHECKS = ["security.W003"]

ROOT_URLCONF = "platform_api.urls"
WSGI_APPLICATION = "platform_api.wsgi.application"
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # bytes of a body; more is refused by its Content-Length, before it is read

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "platform_api" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"slipway": "platform_api.core.admin.tags"},
        },
    },
]

DATABASES = databases()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "tenancy.User"
SIGN_ON = sign_on()
SIGN_ON_AGE_SECONDS = 600.0  # how long a process takes its word for what the sign-on says of itself
SECOND_FACTOR_REQUIRED = False  # production demands it of whoever comes by password
AUTHENTICATION_BACKENDS = authentication_backends(has_sign_on=SIGN_ON is not None)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ANONYMOUS_USER_NAME = None  # guardian would otherwise make a user row for nobody

SESSION_ENGINE = "platform_api.core.sessions"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # Strict would lose the log-in that the sign-on sends back
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no third cookie
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-us"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "platform_api" / "static"]
STATIC_ROOT: Path | None = BASE_DIR / "staticfiles"

CELERY = celery()
IDEMPOTENCY_KEY_REQUIRED = idempotency_key_required()
CI_ISSUERS = trusted_issuers()
FLEET_DATABASE = fleet_database()
FLEET_VALKEY = fleet_valkey()
CATALOG_AGE_SECONDS = 300.0  # how long a process keeps what can be ordered, and where it is made, while none changes
TOKEN_AGE_SECONDS = 300.0  # how long a process keeps who a token's holder is, and may do, while nothing of it changes
PLACE_AGE_SECONDS = 300.0  # the same of environments in which something is ordered, and of its quotas' rows
QUOTA_DEFAULTS = quota_defaults()
POLICY_SOCKET, POLICY_DIR = policy_places(BASE_DIR)
WORKER_DIR = worker.folder(BASE_DIR)
WORKER_SLOTS = worker.slots()
WORKER_POOLS = worker.pools()
WORKER_DRAIN_SECONDS = worker.drain_seconds()
LEASE_SECONDS = worker.lease_seconds()
VERIFY_SECONDS = worker.verify_seconds(LEASE_SECONDS)
RATES = rates()
API_THREADS = env.integer("SLIPWAY_API_THREADS", default=64, minimum=2, maximum=1024)
STREAM_SECONDS = env.integer("SLIPWAY_STREAM_SECONDS", default=60, minimum=5, maximum=3600)
METRICS_TOKEN = metrics_token()
METRICS_DIR = metrics_folder(BASE_DIR)
METRICS_HOST = metrics_host()
WORKER_METRICS_PORT = worker_metrics_port()
DISPATCHER_METRICS_PORT = dispatcher_metrics_port()
LOGGING = logs(is_json=False, level=env.text("SLIPWAY_LOG_LEVEL", default="INFO"))
