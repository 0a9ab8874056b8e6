"""Parts of a page of the admin site; a page is a list of them, and each knows its template."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.db.models import QuerySet


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part with a heading.

    Attributes:
        title: The heading.
        note: A sentence below it, e.g. that there is more than is shown.
    """

    template: ClassVar[str]

    title: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts(Section):
    """Names and values.

    Attributes:
        rows: Pairs of a name and a value as ``cells.cell`` shows it.
    """

    template: ClassVar[str] = "admin/sections/facts.html"

    rows: Sequence[tuple[str, object]]


@dataclass(frozen=True, kw_only=True)
class Table(Section):
    """Rows of one kind.

    Attributes:
        columns: Headings; the first column names the row.
        rows: Values as ``cells.cell`` shows them.
        nothing: What is said in place of no rows.
        more_url: Where the rest is.
    """

    template: ClassVar[str] = "admin/sections/table.html"

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    nothing: str = "None."
    more_url: str = ""

    @property
    def labeled_rows(self) -> Iterator[list[tuple[str, object]]]:
        """The rows, each value with the heading of its column, for screens on which a row becomes a card."""
        return (list(zip(self.columns, row, strict=True)) for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Group(Section):
    """Several parts under one heading.

    Attributes:
        status: Word of where the group's thing stands.
        key: The way to its own page, as ``cells.cell`` shows it.
        parts: What belongs to it.
    """

    template: ClassVar[str] = "admin/sections/group.html"

    status: str = ""
    key: object = None
    parts: Sequence[Section] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Log(Section):
    """Lines as they were said.

    Attributes:
        lines: Objects with ``sequence``, ``at``, ``source``, ``level`` and ``line``, the oldest first.
    """

    template: ClassVar[str] = "admin/sections/log.html"

    lines: Sequence[Any]


def newest(rows: "QuerySet[Any]", limit: int) -> tuple[list[Any], str]:
    """Return the newest rows, and a note where there are more; nothing is counted.

    Args:
        rows: In any order; their ids sort by time.
        limit: How many are shown.
    """
    found = list(rows.order_by("-pk")[: limit + 1])
    return found[:limit], f"The newest {limit} are shown." if len(found) > limit else ""
