"""Logging: one JSON object a line in production, one readable line elsewhere; local variables are never printed."""

from typing import Any


def logs(*, is_json: bool, level: str) -> dict[str, Any]:
    """Return Python's logging configuration.

    Args:
        is_json: One JSON object a line, for a log collector.
        level: Least level of our own loggers.
    """
    formatters: dict[str, dict[str, Any]] = {
        "json": {
            "()": "platform_api.core.logs.JsonLineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(correlation_id)s %(trace_id)s",
            "rename_fields": {"asctime": "at", "levelname": "level", "name": "logger"},
        },
        "line": {
            "()": "platform_api.core.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)-7s %(name)s [%(correlation_id)s] %(message)s",
        },
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": formatters,
        "filters": {"correlation": {"()": "platform_api.core.correlation.CorrelationFilter"}},
        "handlers": {
            "stream": {
                "class": "logging.StreamHandler",
                "formatter": "json" if is_json else "line",
                "filters": ["correlation"],
            }
        },
        "root": {"handlers": ["stream"], "level": "WARNING"},
        "loggers": {
            name: {"level": level}
            for name in ("platform_api", "catalog", "governance", "provisioning", "django.security")
        }
        # Django's own lines tell of every refusal once more, with what stood in the address or in Host: a secret, too.
        | {"django.request": {"level": "ERROR"}, "django.security.DisallowedHost": {"level": "CRITICAL"}},
    }
