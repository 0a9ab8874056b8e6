"""Conditional calls (RFC 9110, section 13): entity tags of what is shown, and what callers say to have seen.

A tag is strong: another body has another one. It tells besides the body's digest what kind of thing it is of and which
version the row has; a change is compared by these two, so that what a caller cannot overwrite (a run's progress, the
catalog's newest version) does not refuse it.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from platform_api.core.conditions import WHATEVER, Expectation, IfMatchMissingError, Seen, VersionMismatchError
from platform_api.core.errors import MalformedError
from platform_api.core.http.document.operations import Parameter
from platform_api.core.http.shapes import shape_response
from platform_api.core.ids import Prefix
from platform_api.core.shapes import Shape

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t]*{_TAG}(?:[ \t]*,[ \t]*{_TAG})*[ \t]*\Z")
_EACH = re.compile(_TAG)
_VERSIONED = re.compile(r'"([a-z]+)-([0-9]{1,9})-[0-9a-f]{16}"\Z')
_DIGEST_BYTES = 8
_ANY = "*"


class ConditionInvalidError(MalformedError):
    """An If-Match or If-None-Match header that is neither * nor a list of tags in quotes."""

    code = "invalid_condition"
    title = "The condition cannot be read"
    remedy = 'Send an ETag as it came, quotes included: If-Match: "res-3-9f86d081884c7d65"; or *.'


_CONDITION: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 1000}
_OF_CHANGES = (ConditionInvalidError, VersionMismatchError)

IF_MATCH = Parameter(
    "If-Match",
    _CONDITION,
    Parameter.HEADER,
    description="ETag of what you have seen: 412 where it has changed since.",
    raises=_OF_CHANGES,
)
IF_MATCH_REQUIRED = Parameter(
    "If-Match",
    _CONDITION,
    Parameter.HEADER,
    required=True,
    description="ETag of what you have seen: 412 where it has changed since, 428 without. * changes it whatever it is.",
    raises=(*_OF_CHANGES, IfMatchMissingError),
)
IF_NONE_MATCH = Parameter(
    "If-None-Match",
    _CONDITION,
    Parameter.HEADER,
    description="ETag of what you have: 304 where it is still so.",
    raises=(ConditionInvalidError,),
    headers=("ETag",),
    answers=(304,),
)
IF_NONE_THERE = Parameter(
    "If-None-Match",
    _CONDITION,
    Parameter.HEADER,
    description="* makes a new one or nothing: 412 where one is there.",
    raises=_OF_CHANGES,
)


def tag_of(content: bytes, *, prefix: Prefix | None = None, version: int | None = None) -> str:
    """Return the entity tag of a body.

    Args:
        content: The body.
        prefix: Kind of thing; None for one that nobody changes.
        version: Of its row.
    """
    digest = hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()
    return f'"{digest}"' if prefix is None else f'"{prefix.value}-{version}-{digest}"'


def shown(
    request: Request,
    shape: Shape | Mapping[str, Any],
    *,
    prefix: Prefix | None = None,
    version: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Answer a GET with a thing and its tag; 304 where that is what the caller has.

    Args:
        request: The call.
        shape: The thing.
        prefix: Kind of thing; None for one that nobody changes.
        version: Of its row.
        headers: What the answer says besides, as ``shape_response`` takes them.

    Raises:
        ConditionInvalidError: ``If-None-Match`` cannot be read.
    """
    content = msgspec.json.encode(shape)
    tag, besides = tag_of(content, prefix=prefix, version=version), headers or {}
    had = _tags(request, "If-None-Match")
    if had is None or not ({tag, f"W/{tag}", _ANY} & had):
        return shape_response(content, status=200, etag=tag, **besides)
    unchanged = shape_response(b"", status=304, etag=tag, **besides)
    del unchanged.headers["Content-Type"]
    return unchanged


def seen_of(request: Request, *, prefix: Prefix, is_required: bool = False) -> Seen:
    """Return what a caller says to have seen of what it changes.

    Args:
        request: The call.
        prefix: Kind of thing that is changed.
        is_required: Whether the change could undo another's.

    Raises:
        ConditionInvalidError: A header cannot be read.
    """
    had, lacked = _tags(request, "If-Match"), _tags(request, "If-None-Match")
    if had is None:
        if lacked == {_ANY}:
            return Seen(expectation=Expectation.NOTHING)
        return Seen(expectation=Expectation.UNSAID) if is_required else WHATEVER
    if _ANY in had:
        return Seen(expectation=Expectation.SOMETHING)
    found = [match for tag in had if (match := _VERSIONED.match(tag))]
    versions = frozenset(int(match[2]) for match in found if match[1] == prefix.value)
    return Seen(expectation=Expectation.VERSION, versions=versions)


def _tags(request: Request, name: str) -> set[str] | None:
    value = request.headers.get(name)
    if value is None:
        return None
    if value.strip() == _ANY:
        return {_ANY}
    if not _TAGS.match(value):
        msg = f"{name} is neither * nor a list of tags in quotes."
        raise ConditionInvalidError(msg)
    return set(_EACH.findall(value))
