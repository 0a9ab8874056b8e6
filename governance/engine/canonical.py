"""Canonical input: what may be given to the engine, in one form, so that it judges exactly what was asked.

The engine was seen to cut text at NUL, to wrap integers beyond 64 bits, to round fractions to six decimals and to crash
on deep nesting, each without a word. What it would not read as it stands is refused here, on both sides of the socket.
"""

import hashlib
import json
import math
import re
import unicodedata
from typing import Any

MAX_DEPTH = 32
MAX_BYTES = 4 * 1024 * 1024
MAX_INTEGER = 2**63 - 1
ALLOWED_CONTROLS = frozenset("\t\n\r")
"""Control characters that people's texts are made of; the engine returns them unchanged."""


_ODD_NUMBERS = (
    re.compile(rb'" *: *-?(?:\d+[.eE]|\d{19}|[NI])'),  # a member that is no whole number of up to 18 digits
    re.compile(rb"\[ *-?[\dNI]"),  # any in a list
    re.compile(rb", *-?[\dNI]"),
)
"""Each begins with a fixed character, for which text is searched ten times as fast as for one of several."""


class InputRefusedError(ValueError):
    """The engine would not judge what was sent; the text says where and why, and quotes no value."""

    def __init__(self, pointer: str, why: str) -> None:
        self.pointer = pointer
        super().__init__(f"{pointer} {why}")


def normalize(value: Any, *, pointer: str = "#", depth: int = 0) -> Any:
    """Return the value with all text in Unicode's form NFC, so that one text cannot look like another to a rule.

    Args:
        value: JSON value.
        pointer: Where it stands, for the error.
        depth: How many objects and lists it stands in.

    Raises:
        InputRefusedError: Control characters, lone surrogates, numbers that the engine would misread, two keys that
            become one, nesting beyond 32, or no JSON value at all.
    """
    if depth > MAX_DEPTH:
        raise InputRefusedError(pointer, f"is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, list):
        return [normalize(item, pointer=f"{pointer}/{i}", depth=depth + 1) for i, item in enumerate(value)]
    if isinstance(value, dict):
        normal = {
            _text(key, pointer): normalize(item, pointer=f"{pointer}/{key}", depth=depth + 1)
            for key, item in value.items()
        }
        if len(normal) != len(value):
            raise InputRefusedError(pointer, "has two keys that are one in Unicode's form NFC.")
        return normal
    return _scalar(value, pointer)


def _scalar(value: Any, pointer: str) -> Any:
    if isinstance(value, str):
        return _text(value, pointer)
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise InputRefusedError(pointer, "is a whole number of more than 64 bits.")
    if isinstance(value, float) and not (math.isfinite(value) and float(f"{value:f}") == value):
        raise InputRefusedError(pointer, "is a number with more than six decimals, or none at all.")
    if value is None or isinstance(value, int | float):
        return value
    raise InputRefusedError(pointer, "is no JSON value.")


def _text(text: Any, pointer: str) -> str:
    if not isinstance(text, str):
        raise InputRefusedError(pointer, "has a key that is no text.")
    if not text.isprintable():  # the quick way past; not printable are controls, but also harmless blanks
        for character in text:
            category = unicodedata.category(character)
            if category == "Cs" or (category == "Cc" and character not in ALLOWED_CONTROLS):
                raise InputRefusedError(pointer, "holds a control character or a lone surrogate.")
    return unicodedata.normalize("NFC", text)


def is_plain(text: bytes) -> bool:
    """Tell whether ``normalize`` could neither change nor refuse what a JSON text, an object, holds.

    That is so of most inputs, and is told in a third of the time. A text may be plain and not be recognized, for what
    is looked for may stand within strings; it is never the other way round, because a plain text has no escapes.
    """
    return (
        text.startswith(b"{")
        and len(text) <= MAX_BYTES
        and text.isascii()
        and text.decode("ascii").isprintable()
        and b"\\" not in text
        and text.count(b"{") + text.count(b"[") <= MAX_DEPTH
        and not any(odd.search(text) for odd in _ODD_NUMBERS)
    )


def has_fractions(value: Any) -> bool:
    """Tell whether a value holds a number that is not whole; some encoders write one that is no number as null."""
    if isinstance(value, dict):
        return any(map(has_fractions, value.values()))
    if isinstance(value, list):
        return any(map(has_fractions, value))
    return isinstance(value, float)


def encode(value: Any) -> bytes:
    """Return the one JSON text of a normalized value: keys sorted, no blanks, UTF-8.

    Raises:
        InputRefusedError: More than 4 MiB.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    if len(text) > MAX_BYTES:
        raise InputRefusedError("#", f"is larger than {MAX_BYTES} bytes.")
    return text


def digest(encoded: bytes) -> str:
    """Return the name of an encoded input: ``sha256:`` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"
