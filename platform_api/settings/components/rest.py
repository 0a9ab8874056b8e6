"""Django REST framework."""

from typing import Any

from platform_api.settings import env

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "platform_api.tenancy.api.sessions.SessionAuthentication",
        "platform_api.tenancy.api.authentication.ApiTokenAuthentication",  # last: it asks for a token
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "platform_api.core.http.rates.WithinRate",
        "platform_api.tenancy.api.permissions.HasScope",
        "platform_api.core.http.queries.KnownQuery",
    ],
    "DEFAULT_PARSER_CLASSES": ["platform_api.core.http.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "platform_api.core.http.document.schema.OperationSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "platform_api.core.http.negotiation.JsonNegotiation",
    "DEFAULT_METADATA_CLASS": "platform_api.core.http.options.AllowedMethods",
    "EXCEPTION_HANDLER": "platform_api.audit.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}


def idempotency_key_required() -> bool:
    """Return whether orders without an ``Idempotency-Key`` are refused."""
    return env.text("SLIPWAY_IDEMPOTENCY_KEY", default="optional", choices=["required", "optional"]) == "required"
