"""Django REST framework and the OpenAPI document made from it."""

from typing import Any

from platform_api.settings import env
from platform_api.settings.version import version

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "platform_api.tenancy.api.sessions.SessionAuthentication",
        "platform_api.tenancy.api.authentication.ApiTokenAuthentication",  # last: it asks for a token
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "platform_api.core.http.rates.WithinRate",
        "platform_api.tenancy.api.permissions.HasScope",
    ],
    "DEFAULT_PARSER_CLASSES": ["platform_api.core.http.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": "platform_api.core.http.options.AllowedMethods",
    "EXCEPTION_HANDLER": "platform_api.audit.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Slipway",
    "VERSION": version(),
    "DESCRIPTION": "Order databases, queues and environments; see who did what, and why.",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v[0-9]",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [],  # structs name their choices in place
    "ENUM_NAME_OVERRIDES": {
        "Availability": "catalog.models.offerings.Availability",
        "VersionStatus": "catalog.models.offerings.VersionStatus",
    },
}


def idempotency_key_required() -> bool:
    """Return whether orders without an ``Idempotency-Key`` are refused."""
    return env.text("SLIPWAY_IDEMPOTENCY_KEY", default="optional", choices=["required", "optional"]) == "required"
