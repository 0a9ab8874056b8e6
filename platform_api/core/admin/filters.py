"""Filters of the admin site's lists: fields of one form that works without a script, each with bounded choices."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin import SimpleListFilter
from django.db.models import Model, QuerySet, TextChoices
from django.http import HttpRequest

from platform_api.core.ids import UnknownIdError, lowest_id, read

SUGGESTIONS = 200
"""More choices than a person reads; what is not among them can be typed all the same."""


class FieldFilter(SimpleListFilter):
    """One field of a list's form; left empty it narrows nothing.

    Attributes:
        problem: What is wrong with what was typed; the list is empty then.
    """

    problem = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the choices that are offered; none for a field that takes any text."""
        return ()

    def has_output(self) -> bool:
        """Show the field always: an empty one is how people learn of it."""
        return True

    @property
    def text(self) -> str:
        """What was typed or chosen."""
        return (self.value() or "").strip()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that the field leaves."""
        return self.narrow(queryset, self.text) if self.text else queryset

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows that fit what was typed."""
        raise NotImplementedError

    def refuse(self, queryset: QuerySet[Any], problem: str) -> QuerySet[Any]:
        """Return no rows, and say why."""
        self.problem = problem
        return queryset.none()


class TextFilter(FieldFilter):
    """A text, with what is known of as suggestions."""

    template = "admin/filters/text.html"


class NamedFilter(TextFilter):
    """Something that rows belong to, by the name that people know; a name that nothing has is refused.

    Attributes:
        model: What is named.
        noun: What to call such a thing.
        named_by: Where its name stands.
        column: The rows' key of it.
    """

    model: ClassVar[type[Model]]
    noun: ClassVar[str]
    named_by: ClassVar[str] = "slug"
    column: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Suggest the first names by alphabet."""
        return suggestions(self.model, self.named_by)

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows of what is named."""
        rows: QuerySet[Model] = QuerySet(self.model)
        key = rows.filter(**{self.named_by: text}).values_list("pk", flat=True).first()
        if key is None:
            return self.refuse(queryset, f"There is no {self.noun} {text[:64]}.")
        return self.of(queryset, key)

    def of(self, queryset: QuerySet[Any], key: UUID) -> QuerySet[Any]:
        """Return the rows of the thing with this key."""
        return queryset.filter(**{self.column: key})


class ChoiceFilter(FieldFilter):
    """One of a few words; anything else fits nothing.

    Attributes:
        words: The words, as lists show them and the API has them.
        column: Where a row has one of them.
    """

    template = "admin/filters/choice.html"
    words: ClassVar[type[TextChoices]]
    column: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the words."""
        return [(word, word.replace("_", " ")) for word in self.words.values]

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows whose column has this word."""
        return queryset.filter(**{self.column: text})


class ThingFilter(FieldFilter):
    """The id of something that rows belong to."""

    template = "admin/filters/text.html"
    column: ClassVar[str]

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows of the thing."""
        try:
            key: UUID = read(text)[1]
        except UnknownIdError:
            return self.refuse(queryset, "This is no id; ids look like res_01jd….")
        return queryset.filter(**{self.column: key})


class _DayFilter(FieldFilter):
    """A day in UTC; goes by the ids, which sort by time, so that it is as quick as the list itself."""

    template = "admin/filters/day.html"

    def midnight(self, text: str) -> datetime | None:
        """Return when the day begins; None for what is no day."""
        try:
            return datetime.combine(date.fromisoformat(text), time.min, tzinfo=UTC)
        except ValueError:
            return None

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Return the rows on one side of the day."""
        midnight = self.midnight(text)
        # Ids begin in 1970; a day before it, or at the end of the calendar, bounds nothing.
        if midnight is None or not 1970 <= midnight.year <= 9998:  # noqa: PLR2004 - as said above
            return self.refuse(queryset, "A day looks like 2026-11-21.")
        return self.bound(queryset, midnight)

    def bound(self, queryset: QuerySet[Any], midnight: datetime) -> QuerySet[Any]:
        """Return the rows before or after."""
        raise NotImplementedError


class SinceFilter(_DayFilter):
    """The first day that is shown."""

    title, parameter_name = "since (UTC)", "since"

    def bound(self, queryset: QuerySet[Any], midnight: datetime) -> QuerySet[Any]:
        """Return what was made on the day or later."""
        return queryset.filter(pk__gte=lowest_id(midnight))


class UntilFilter(_DayFilter):
    """The last day that is shown."""

    title, parameter_name = "until (UTC)", "until"

    def bound(self, queryset: QuerySet[Any], midnight: datetime) -> QuerySet[Any]:
        """Return what was made on the day or earlier."""
        return queryset.filter(pk__lt=lowest_id(midnight + timedelta(days=1)))


def suggestions(model: type[Model], column: str) -> list[tuple[str, str]]:
    """Return the first values of a column by alphabet, bounded, in the form that Django's filters take."""
    rows: QuerySet[Model] = QuerySet(model)
    values = rows.order_by(column).values_list(column, flat=True)[:SUGGESTIONS]
    return [(value, value) for value in values]
