"""A JSON parser that takes nothing which could not be stored, told apart or read by the next reader."""

import codecs
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.utils.mediatypes import _MediaType

from platform_api.core.errors import MalformedError, TooLargeError

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_INTEGER_DIGITS = 30
"""More than any quantity here needs; Python's own limit is 4 300 digits, PostgreSQL's numeric far more."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class MalformedJsonError(MalformedError):
    """The body is not JSON, or JSON that readers disagree about."""

    code = "malformed_json"
    title = "The body is not well-formed JSON"
    remedy = "Send one JSON object, encoded as UTF-8."


class DuplicateKeyError(MalformedError):
    """One object names one key twice."""

    code = "duplicate_key"
    title = "The body names a key twice"
    remedy = "Name each key once; readers disagree on which of two counts."


class UnstorableTextError(MalformedError):
    """Text that PostgreSQL cannot keep."""

    code = "unstorable_text"
    title = "The call holds text that cannot be stored"
    remedy = "Leave out NUL characters and lone surrogates."


class TooDeepError(MalformedError):
    """Nested beyond what any sound request needs."""

    code = "too_deep"
    title = "The body is nested too deeply"
    remedy = f"Nest objects and lists at most {MAX_DEPTH} deep."


class BodyTooLargeError(TooLargeError):
    """More bytes than any sound request needs."""

    code = "body_too_large"
    title = "The body is too large"
    remedy = f"Send at most {MAX_BODY_BYTES} bytes."


def parse_json(body: bytes) -> Any:
    """Read JSON strictly: no duplicate keys, NaN, huge integers, NUL, lone surrogates, or nesting beyond 32.

    Raises:
        MalformedJsonError, DuplicateKeyError, UnstorableTextError, TooDeepError: By what is wrong.
    """
    if body.startswith(codecs.BOM_UTF8):
        raise MalformedJsonError("The body starts with a byte order mark.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"The body is not UTF-8 at byte {error.start}."
        raise MalformedJsonError(msg) from None
    _check_depth(text)  # before decoding: the decoder recurses
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        msg = f"{error.msg} at line {error.lineno}, column {error.colno}."
        raise MalformedJsonError(msg) from None
    if "\\u" in text or "\x00" in text:
        _check_text(value)
    return value


def _check_depth(text: str) -> None:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    depth, is_string, is_escaped = 0, False, False
    for character in text:
        if is_string:
            is_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            is_string = True
        elif character in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise TooDeepError
        elif character in "}]":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        msg = f"The key {json.dumps(twice[:80])} stands twice in one object."
        raise DuplicateKeyError(msg)
    return value


def _no_constant(name: str) -> float:
    msg = f"{name} is not JSON."
    raise MalformedJsonError(msg)


def _integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        msg = f"A number has more than {MAX_INTEGER_DIGITS} digits."
        raise MalformedJsonError(msg)
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise MalformedJsonError("A number is too large to be told from infinity.")
    return value + 0.0  # minus zero is zero


def _check_text(value: Any) -> None:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise UnstorableTextError
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)


def _check_coding(media_type: str, request: Request | None) -> None:
    charset = _MediaType(media_type).params.get("charset", "utf-8").strip('"').lower()
    if charset != "utf-8":
        raise UnsupportedMediaType(media_type, f"The body is in {charset[:20]!r}, not in UTF-8.")
    coding = "" if request is None else request.headers.get("Content-Encoding", "")
    if coding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType(media_type, "The body is compressed.")


class StrictJSONParser(JSONParser):
    """The one way in for bodies; refuses what ``parse_json`` refuses, and more than 256 KB."""

    raises = (MalformedJsonError, DuplicateKeyError, UnstorableTextError, TooDeepError, BodyTooLargeError)

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Read at most one byte more than is allowed, then judge.

        Raises:
            UnsupportedMediaType: The body is compressed, or in another encoding than UTF-8.
        """
        _check_coding(media_type or "", (parser_context or {}).get("request"))
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLargeError
        return parse_json(body)
