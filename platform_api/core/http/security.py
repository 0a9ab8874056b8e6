"""Headers that keep a browser from being used against us; Django 5.2 has no Content-Security-Policy of its own."""

from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponse

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

CONTENT_SECURITY_POLICY = _POLICY.format(images="'self'")
"""No script, no style and no picture but from files of our own: nothing inline, no evaluated text, no frame."""

DOCS_CONTENT_SECURITY_POLICY = _POLICY.format(images="'self' data:")
"""The same; Swagger UI's style sheet carries its arrows as data."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""What every answer brings besides what Django sets: COOP, Referrer-Policy, nosniff, X-Frame-Options, HSTS."""


class SecurityHeadersMiddleware:
    """Set the headers on every answer that does not bring its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, then add what is missing."""
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
