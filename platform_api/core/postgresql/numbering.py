"""Parameters as PostgreSQL names them: by number."""

import re
from functools import cache

_PLACE = re.compile(r"%(?:\((?P<name>\w+)\)s|s|%)")


@cache
def numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text as PostgreSQL reads it, and the names of its parameters in order; none where they have no names.

    Raises:
        ValueError: Some have names and some have none.
    """
    numbers = dict[str, str]()
    nameless = 0

    def number(found: re.Match[str]) -> str:
        nonlocal nameless
        if found[0] == "%%":
            return "%"
        if found["name"] is None:
            nameless += 1
            return f"${nameless}"
        return numbers.setdefault(found["name"], f"${len(numbers) + 1}")

    changed = _PLACE.sub(number, text)
    if numbers and nameless:
        raise ValueError("A statement's parameters have names or none.")
    return changed, tuple(numbers)
