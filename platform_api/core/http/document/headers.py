"""Headers of answers, as components of the document; an answer names those that it has."""

from collections.abc import Iterable, Mapping
from typing import Any

Described = dict[str, Any]

HEADERS: Mapping[str, Described] = {
    "Cache-Control": {
        "description": "`no-store`: the answer holds a secret, and is kept nowhere.",
        "schema": {"type": "string", "const": "no-store"},
        "example": "no-store",
    },
    "Content-Location": {
        "description": "Where what is shown is found: the request, also where a short form was called.",
        "schema": {"type": "string", "format": "uri-reference", "maxLength": 200},
        "example": "/api/v1/requests/req_01kav4r6zqf3t8v8r5z4c9m1xw",
    },
    "Correlation-Id": {
        "description": "Names this exchange in logs and in the audit trail; the one that you brought, or a new one.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$", "maxLength": 64},
        "example": "0194f7c2a1b37c5e8d9f0a1b2c3d4e5f",
    },
    "Deprecation": {
        "description": "Where what is shown or called is outdated: since when, in seconds since 1970 after an @ "
        "(RFC 9745).",
        "schema": {"type": "string", "pattern": "^@[0-9]{1,12}$", "maxLength": 13},
        "example": "@1790000000",
    },
    "ETag": {
        "description": "Names this very state. `If-Match` changes nothing else; `If-None-Match` asks for news.",
        "schema": {"type": "string", "pattern": '^"[!#-~]{1,80}"$', "maxLength": 82},
        "example": '"res-3-9f86d081884c7d65"',
    },
    "Idempotency-Replayed": {
        "description": "`true` where the key was used before: this is the first answer again.",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
    "Link": {
        "description": "Where to go on (RFC 8288): `next` and `prev` of a page, `deprecation` of what is old.",
        "schema": {"type": "string", "maxLength": 20_000},
        "example": '</api/v1/requests?cursor=…>; rel="next"',
    },
    "Location": {
        "description": "Where what was ordered or made can be watched.",
        "schema": {"type": "string", "format": "uri-reference", "maxLength": 200},
        "example": "/api/v1/requests/req_01kav4r6zqf3t8v8r5z4c9m1xw",
    },
    "RateLimit": {
        "description": "Calls that are left (`r`), and the seconds until all of them are back (`t`).",
        "schema": {"type": "string", "maxLength": 80},
        "example": '"read";r=199;t=1',
    },
    "RateLimit-Policy": {
        "description": "Calls that are allowed at once (`q`), regained within a time in seconds (`w`).",
        "schema": {"type": "string", "maxLength": 80},
        "example": '"read";q=200;w=10',
    },
    "Retry-After": {
        "description": "Seconds after which to ask again; only where there is more to come.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 86_400},
        "example": 1,
    },
    "Sunset": {
        "description": "Where the end of what is outdated is known: when it goes (RFC 8594).",
        "schema": {"type": "string", "maxLength": 40},
        "example": "Sun, 21 Nov 2027 08:00:00 GMT",
    },
    "WWW-Authenticate": {
        "description": "How to log in.",
        "schema": {"type": "string", "const": 'Bearer realm="slipway"'},
        "example": 'Bearer realm="slipway"',
    },
}

OUTDATED = ("Deprecation", "Sunset", "Link")
"""What answers have that may be about an outdated version."""

RATES = ("RateLimit", "RateLimit-Policy")


def references(names: Iterable[str]) -> dict[str, Described]:
    """Return headers by reference, in the order of their names."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(set(names))}
