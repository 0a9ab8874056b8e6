"""What holds in every environment."""

from pathlib import Path

from platform_api.settings import env
from platform_api.settings.components import worker
from platform_api.settings.components.celery import celery
from platform_api.settings.components.database import databases
from platform_api.settings.components.fleet import fleet_database, fleet_valkey
from platform_api.settings.components.governance import policy_places, quota_defaults
from platform_api.settings.components.logs import logs
from platform_api.settings.components.rest import REST_FRAMEWORK, SPECTACULAR_SETTINGS  # noqa: F401 - settings by their names

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
    "platform_api.core.http.security.SecurityHeadersMiddleware",
    "platform_api.core.http.sanity.AddressSanityMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "platform_api.urls"
WSGI_APPLICATION = "platform_api.wsgi.application"
APPEND_SLASH = False

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
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ENGINE = "platform_api.core.sessions"
ANONYMOUS_USER_NAME = None  # guardian would otherwise make a user row for nobody

LANGUAGE_CODE = "en-us"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "platform_api" / "static"]
STATIC_ROOT: Path | None = BASE_DIR / "staticfiles"

CELERY = celery()
FLEET_DATABASE = fleet_database()
FLEET_VALKEY = fleet_valkey()
CATALOG_AGE_SECONDS = 1.0  # how long a process takes its word for what can be ordered
TOKEN_AGE_SECONDS = 1.0  # how long a process takes its word for who a token's holder is, and may do
QUOTA_DEFAULTS = quota_defaults()
POLICY_SOCKET, POLICY_DIR = policy_places(BASE_DIR)
WORKER_DIR = worker.folder(BASE_DIR)
WORKER_SLOTS = worker.slots()
WORKER_POOLS = worker.pools()
LEASE_SECONDS = worker.lease_seconds()
LOGGING = logs(is_json=False, level=env.text("SLIPWAY_LOG_LEVEL", default="INFO"))
