"""Structured field values (RFC 9651, formerly RFC 8941), as far as our headers need them: a string as the one item."""

import re

_STRING = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,3})?"
_TOKEN = r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*"  # noqa: S105 - the grammar's word, not a secret
_OTHERS = r":[A-Za-z0-9+/=]*:|\?[01]|@-?[0-9]{1,15}|%\"[\x20\x21\x23-\x7e]*\""
_PARAMETER = rf"; *[a-z*][a-z0-9_.*-]*(?:=(?:{_STRING}|{_NUMBER}|{_TOKEN}|{_OTHERS}))?"
_STRING_ITEM = re.compile(rf" *({_STRING})(?:{_PARAMETER})* *\Z")
_ESCAPED = re.compile(r"\\(.)")


class NotAStringItemError(ValueError):
    """A field value that is no string in quotes."""


def string_item(value: str) -> str:
    """Return the string that a field's only item is; parameters after it mean nothing here, as the RFC has it.

    Args:
        value: The field's value; where the field was sent twice, both joined by a comma, which is no item.

    Raises:
        NotAStringItemError: It is anything else, e.g. text without quotes.
    """
    found = _STRING_ITEM.match(value)
    if found is None:
        raise NotAStringItemError
    return _ESCAPED.sub(r"\1", found[1][1:-1])
