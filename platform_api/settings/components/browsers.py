"""Which other sites' scripts may call the API; what of it is fixed stands here as django-cors-headers names it.

Cookies are never taken from another origin, whichever it is: scripts of other sites bring a token.
"""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from platform_api.settings import env

CORS_MIDDLEWARE = "corsheaders.middleware.CorsMiddleware"
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = (
    *("accept", "authorization", "content-type", "correlation-id"),
    *("idempotency-key", "if-match", "if-none-match", "last-event-id", "traceparent", "tracestate"),
)
CORS_EXPOSE_HEADERS = (
    *("Correlation-Id", "ETag", "Link", "Location", "Retry-After"),
    *("Deprecation", "Sunset", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed"),
)

EVERYBODY = ["*"]


def cors_origins() -> list[str]:
    """Return the origins that are named, or ``*`` alone; none turns all of it off.

    Raises:
        ImproperlyConfigured: Not an origin, i.e. scheme, host and port and nothing else; or ``*`` beside others.
    """
    origins = env.words("SLIPWAY_CORS_ORIGINS")
    for origin in () if origins == EVERYBODY else origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}" or not parts.hostname:
            msg = f"SLIPWAY_CORS_ORIGINS holds {origin!r}; an origin is like https://portal.example.com, or * alone."
            raise ImproperlyConfigured(msg)
    return origins
