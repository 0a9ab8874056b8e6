"""Lists of the admin site: newest first, page after page by key, never counted and never sorted otherwise.

A page begins where another ended, so the thousandth is as quick as the first, and no list needs an index but that of
its key. Ids sort by the time they were made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import urlencode

from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.urls import reverse

from platform_api.core.ids import Prefix, parse, show

AFTER, BEFORE = "after", "before"


class Prefixed(Protocol):
    """What a list has to know of its admin class: how the ids of its things begin."""

    prefix: Prefix


@dataclass(frozen=True)
class Cell:
    """A value under the title of its column."""

    label: str
    value: object


@dataclass(frozen=True)
class Row:
    """One thing: the address of its page, and its cells; the first one names it."""

    url: str
    cells: list[Cell]


class KeysetChangeList(ChangeList):
    """Django's list with filters and search, but paged by key.

    Attributes:
        result_list: The page's things.
        older_url: Query of the page after this one; empty at the end.
        newer_url: Query of the page before this one; empty at the beginning.
    """

    older_url = newer_url = ""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the parameters that filters read; where the page begins is none of them."""
        found = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in {AFTER, BEFORE}}

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        """Return the one order that there is."""
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        """Read one page, in one query.

        Raises:
            UnknownIdError: A page shall begin at what is no id of this list.
        """
        size, rows = self.list_per_page, self.queryset
        after, before = self.params.get(AFTER), self.params.get(BEFORE)
        if before:
            found = list(rows.filter(pk__gt=self._key(before)).order_by("pk")[: size + 1])
            has_newer, has_older = len(found) > size, True
            found = found[:size][::-1]
        else:
            found = list((rows.filter(pk__lt=self._key(after)) if after else rows)[: size + 1])
            has_newer, has_older = bool(after), len(found) > size
            found = found[:size]
        self.result_list = found
        if found and has_older:
            self.older_url = self._url(AFTER, found[-1])
        if found and has_newer:
            self.newer_url = self._url(BEFORE, found[0])
        self.result_count, self.full_result_count = len(found), None
        self.show_full_result_count = self.show_admin_actions = False
        self.can_show_all = self.multi_page = False

    def url_for_result(self, result: Any) -> str:
        """Return the address of a thing's page, with its id as people see it."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[show(self._prefix, result.pk)])

    @property
    def is_narrowed(self) -> bool:
        """Tell whether a filter has something in it."""
        return any(getattr(spec, "text", "") for spec in self.filter_specs)

    @property
    def labels(self) -> list[str]:
        """Titles of the columns; a column of times is called after what happened then."""
        labels = [str(label_for_field(str(name), self.model, self.model_admin)) for name in self.list_display]
        return [label.removesuffix(" at").capitalize() for label in labels]

    @property
    def rows(self) -> Iterator[Row]:
        """The page's things, cell by cell."""
        labels = self.labels
        for result in self.result_list:
            values = [lookup_field(name, result, self.model_admin)[2] for name in self.list_display]
            cells = [Cell(label, value) for label, value in zip(labels, values, strict=True)]
            yield Row(self.url_for_result(result), cells)

    @property
    def _prefix(self) -> Prefix:
        return cast("Prefixed", self.model_admin).prefix

    def _key(self, shown: str) -> Any:
        return parse(self._prefix, shown)

    def _url(self, direction: str, row: Any) -> str:
        query = {name: value for name, value in self.params.items() if name not in {AFTER, BEFORE}}
        return f"?{urlencode({**query, direction: show(self._prefix, row.pk)})}"
