"""Filters of lists: each is declared with its type, so that a bad value is told, and the document shows a good one."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from platform_api.core.errors import MalformedError
from platform_api.core.ids import Prefix, UnknownIdError, is_id, lowest_id, parse

MAX_LENGTH = 300
"""Above the longest text that any filter compares with."""

_DATE, _TIME, _ZONE = (
    r"(19[7-9][0-9]|2[0-9]{3})-[0-9]{2}-[0-9]{2}",
    r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?",
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})",
)
_MOMENT = re.compile(rf"{_DATE}[Tt]{_TIME}{_ZONE}\Z")
"""RFC 3339, from 1970 on: what ids with a time in them can be compared with."""

_ID_SLACK = timedelta(minutes=5)
"""An id is made in the same call as the time that its row shows; no call takes that long."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN_LENGTH = 80


class FilterInvalidError(MalformedError):
    """A query parameter that the route does not have, that is given twice, or a value that it does not take."""

    code = "invalid_filter"
    title = "The query parameter is not valid"


def shorten(text: str) -> str:
    """Return a caller's text in quotes, cut to what a message can hold."""
    return repr(text[:_SHOWN_LENGTH])


@dataclass(frozen=True, kw_only=True)
class Filter(ABC):
    """One filter.

    Attributes:
        description: What it leaves in the list.
        lookup: What it compares, as the ORM says it; empty where the list's ``find`` does so itself.
    """

    description: str
    lookup: str = ""

    @property
    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Its type for the OpenAPI document."""

    @abstractmethod
    def read(self, name: str, text: str) -> Any:
        """Return the value that a text stands for.

        Raises:
            FilterInvalidError: It stands for none.
        """

    def narrow(self, rows: QuerySet[Any], value: Any) -> QuerySet[Any]:
        """Return the rows that a value leaves."""
        return rows.filter(**{self.lookup: value}) if self.lookup else rows


@dataclass(frozen=True, kw_only=True)
class Choice(Filter):
    """One of a few words."""

    choices: tuple[str, ...]

    @property
    def schema(self) -> dict[str, Any]:
        """Its type for the OpenAPI document."""
        return {"type": "string", "enum": list(self.choices)}

    def read(self, name: str, text: str) -> str:
        """Return the word."""
        if text not in self.choices:
            msg = f"{name} is none of its choices: {shorten(text)}."
            raise FilterInvalidError(msg, remedy=f"Use one of: {', '.join(self.choices)}.")
        return text


@dataclass(frozen=True, kw_only=True)
class Flag(Filter):
    """True or false."""

    @property
    def schema(self) -> dict[str, Any]:
        """Its type for the OpenAPI document."""
        return {"type": "boolean"}

    def read(self, name: str, text: str) -> bool:
        """Return which."""
        if text not in {"true", "false"}:
            msg = f"{name} is true or false, not {shorten(text)}."
            raise FilterInvalidError(msg, remedy="Use one of: true, false.")
        return text == "true"


@dataclass(frozen=True, kw_only=True)
class Text(Filter):
    """A text of some form.

    Attributes:
        pattern: What it has to match as a whole.
        form: The same in words.
    """

    pattern: str
    form: str
    max_length: int = MAX_LENGTH

    @property
    def schema(self) -> dict[str, Any]:
        """Its type for the OpenAPI document."""
        return {"type": "string", "pattern": f"^{self.pattern}$", "maxLength": self.max_length}

    def read(self, name: str, text: str) -> str:
        """Return the text."""
        if len(text) > self.max_length or not re.fullmatch(self.pattern, text):
            msg = f"No {name} is written like {shorten(text)}."
            raise FilterInvalidError(msg, remedy=self.form)
        return text


@dataclass(frozen=True, kw_only=True)
class Named(Filter):
    """A thing by its slug or its id, or by its id alone.

    Attributes:
        prefix: Of its ids.
        slug_lookup: What a slug is compared with; empty for things without one.
    """

    prefix: Prefix
    slug_lookup: str = ""

    @property
    def schema(self) -> dict[str, Any]:
        """Its type for the OpenAPI document."""
        return {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH}

    def read(self, name: str, text: str) -> dict[str, Any]:
        """Return the condition that names it."""
        if self.slug_lookup and not is_id(self.prefix, text) and 0 < len(text) <= MAX_LENGTH:
            return {self.slug_lookup: text}
        try:
            return {self.lookup: parse(self.prefix, text)}
        except UnknownIdError:
            forms = f"{'a slug or ' if self.slug_lookup else ''}an id as the API shows it: {self.prefix.value}_…"
            msg = f"{name} is no such id: {shorten(text)}."
            raise FilterInvalidError(msg, remedy=f"Use {forms}.") from None

    def narrow(self, rows: QuerySet[Any], value: Mapping[str, Any]) -> QuerySet[Any]:
        """Return what belongs to it; of what is not there, or not to be seen, nothing does."""
        return rows.filter(**value)


@dataclass(frozen=True, kw_only=True)
class Moment(Filter):
    """A point in time that rows are compared with; their ids tell theirs nearly, which an index finds."""

    is_lower_bound: bool

    @property
    def schema(self) -> dict[str, Any]:
        """Its type for the OpenAPI document."""
        return {"type": "string", "format": "date-time"}

    def read(self, name: str, text: str) -> datetime:
        """Return the moment."""
        with suppress(ValueError):  # an hour or a day that there is not
            if _MOMENT.match(text):
                return datetime.fromisoformat(text.upper())
        msg = f"{name} is no moment with a time zone: {shorten(text)}."
        remedy = "Use RFC 3339, e.g. 2026-11-21T08:00:00Z; a plus sign in an address is written %2B."
        raise FilterInvalidError(msg, remedy=remedy)

    def narrow(self, rows: QuerySet[Any], value: datetime) -> QuerySet[Any]:
        """Return the rows from the moment on, or those before it."""
        if self.is_lower_bound:
            return rows.filter(**{f"{self.lookup}__gte": value, "pk__gte": lowest_id(max(value - _ID_SLACK, _EPOCH))})
        return rows.filter(**{f"{self.lookup}__lt": value, "pk__lt": lowest_id(max(value + _ID_SLACK, _EPOCH))})


def between(column: str, *, name: str) -> dict[str, Filter]:
    """Return the two filters by a time that all rows have.

    Args:
        column: The column.
        name: What it is called in names of filters, e.g. ``created``.
    """
    return {
        f"{name}_after": Moment(description="Only from this moment on.", lookup=column, is_lower_bound=True),
        f"{name}_before": Moment(description="Only before this moment.", lookup=column, is_lower_bound=False),
    }
