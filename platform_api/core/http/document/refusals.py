"""Refusals in the document: which an operation can be answered with, by status, each code with an example."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from platform_api.core.errors import SlipwayError, UnauthenticatedError
from platform_api.core.http import problems
from platform_api.core.http.document.operations import Raises
from platform_api.core.http.errors import (
    BadRequestError,
    DatabaseUnavailableError,
    InternalError,
    NotAcceptableFormError,
    RateLimitedError,
    UnsupportedMediaTypeError,
)
from platform_api.core.http.parsers import UnstorableTextError
from platform_api.core.http.sanity import AddressLengthError, BodyLengthMissingError
from platform_api.core.ids import UnknownIdError

ANYWHERE: Raises = (
    BadRequestError,
    UnstorableTextError,
    NotAcceptableFormError,
    AddressLengthError,
    InternalError,
    DatabaseUnavailableError,
)
"""What every call can be refused with, whatever it asks for."""

WITH_BODY: Raises = (BodyLengthMissingError, UnsupportedMediaTypeError)
"""What a body is refused with before it is read."""

NAMED: Raises = (UnknownIdError,)
"""What an address that names something is refused with."""


def raised(declared: Iterable[type[SlipwayError]]) -> list[type[SlipwayError]]:
    """Return all that is declared, with what follows from it; who is unknown and calls too often is told so."""
    found = dict.fromkeys(declared)
    if any(issubclass(error, UnauthenticatedError) for error in found):
        found[RateLimitedError] = None
    return list(found)


def codes_by_status(errors: Iterable[type[SlipwayError]]) -> dict[HTTPStatus, list[str]]:
    """Return the codes of errors by their statuses, both in order."""
    found = defaultdict[HTTPStatus, set[str]](set)
    for error in errors:
        found[problems.status_of(error())].add(error.code)
    return {status: sorted(found[status]) for status in sorted(found)}


def headers_of(errors: Iterable[type[SlipwayError]], *, status: HTTPStatus) -> set[str]:
    """Return the headers that refusals of a status have besides those of all answers."""
    return {name for error in errors if problems.status_of(error()) is status for name in problems.headers_of(error())}


def refusal(status: HTTPStatus, *, titles: Mapping[str, str], headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer that an operation has for a status.

    Args:
        status: The status.
        titles: What it can mean here: sentences by codes.
        headers: By reference.
    """
    meanings = "\n".join(f"- [`{code}`](/docs/problems/{code}): {title}." for code, title in titles.items())
    return {
        "description": f"{status.phrase}.\n\n{meanings}",
        "headers": headers,
        "content": {
            problems.CONTENT_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in titles},
            }
        },
    }


PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Why a call was refused (RFC 9457). Branch on `code`; show `detail` and `remedy` to people. Some "
    "codes have members of their own, which their pages tell.",
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "maxLength": 200,
            "description": "A page about the code.",
        },
        "title": {"type": "string", "maxLength": 200, "description": "The same sentence each time for a code."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "As in the status line."},
        "code": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9_]*$",
            "maxLength": 60,
            "description": "Permanent name of the refusal.",
        },
        "detail": {"type": "string", "description": "What is wrong this time."},
        "remedy": {"type": "string", "description": "What to do about it; not there where nothing can be done."},
        "instance": {"type": "string", "format": "uri-reference", "description": "What was called."},
        "correlation_id": {
            "type": "string",
            "maxLength": 64,
            "description": "Names this exchange; tell it to the platform team.",
        },
        "errors": {
            "type": "array",
            "maxItems": 10_000,
            "items": {"$ref": "#/components/schemas/Finding"},
            "description": "Every single finding, where there are any.",
        },
        "retry_after_seconds": {
            "type": "integer",
            "minimum": 1,
            "description": "When to ask again, where that is known; the same as Retry-After.",
        },
    },
    "additionalProperties": True,
    "required": ["type", "title", "status", "code", "detail", "instance", "correlation_id", "errors"],
    "title": "Problem",
}

FINDING: dict[str, Any] = {
    "type": "object",
    "description": "One thing that is in the way. Findings of policies and quotas have members of their own, too.",
    "properties": {
        "pointer": {
            "type": "string",
            "pattern": "^#",
            "description": "Where in the body, as a JSON pointer; # is all of it.",
        },
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "description": "Permanent name of the finding."},
        "detail": {"type": "string", "description": "What is wrong."},
        "remedy": {"type": "string", "description": "What to do."},
    },
    "additionalProperties": True,
    "required": ["pointer", "code", "detail"],
    "title": "Finding",
}
