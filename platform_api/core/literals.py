"""Words that stand in a query's text itself, so that the planner sees which partial index has the rows.

What the ORM sends as a parameter is unknown to a generic plan: a condition on it implies no index's condition, and a
table of a million finished rows is read for the ten that are not.
"""

import re
from collections.abc import Iterable

from django.db.models import CharField, Func

_WORD = re.compile(r"[a-z_]+\Z")


def literal(word: str) -> Func:
    """Return a word of ours, e.g. a status, as an expression.

    Args:
        word: Lower-case letters and underscores.

    Raises:
        ValueError: It is something else, and might be somebody's text.
    """
    return Func(template=_quoted(word), output_field=CharField())


def literals(words: Iterable[str]) -> list[Func]:
    """Return words for ``IN``, in one order always, so that equal queries have equal texts."""
    return [literal(word) for word in sorted(words)]


def listed(words: Iterable[str]) -> str:
    """Return words as hand-written SQL has them behind ``IN``."""
    return f"({', '.join(map(_quoted, sorted(words)))})"


def _quoted(word: str) -> str:
    if not _WORD.match(word):
        msg = f"{word!r} is no word of ours"
        raise ValueError(msg)
    return f"'{word}'"
