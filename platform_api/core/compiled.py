"""Queries that Django translates once a process.

Most of what a small read costs is the translation of a QuerySet into SQL, each time into the same text: of 3.2 ms that
one resource took, 2.2. A `Compiled` query is written as a QuerySet, with slots where the values of a call go, and gives
the same model instances.

It stands on what SQLCompiler leaves behind when it has translated (``select``, ``klass_info``), as Django's own
ModelIterable does; a test compares the two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connections, models
from django.db.models.expressions import Expression
from django.db.models.query import get_related_populators
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.query import Query

Row = TypeVar("Row", bound=models.Model)
DATABASE = "default"


class Slot(Expression):
    """Where a value goes that each call brings."""

    def __init__(self, name: str, output_field: models.Field[Any, Any]) -> None:
        """Name a place.

        Args:
            name: How the call names its value.
            output_field: Its type; PostgreSQL is told.
        """
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, Sequence[Any]]:
        """Return a placeholder whose parameter is this slot."""
        return f"%s::{self.output_field.db_type(connection)}", [self]


@dataclass(frozen=True, kw_only=True)
class _Statement:
    """What a translation left: the text, and how a row becomes an instance."""

    compiler: SQLCompiler
    text: str
    parameters: tuple[Any, ...]
    columns: slice
    attributes: list[str]
    related: Sequence[Any]

    @classmethod
    def of(cls, query: Query) -> "_Statement":
        compiler = query.get_compiler(using=DATABASE)
        text, parameters = compiler.as_sql()
        info, select = compiler.klass_info, compiler.select
        places = info["select_fields"]
        columns = slice(places[0], places[-1] + 1)
        return cls(
            compiler=compiler,
            text=text,
            parameters=tuple(parameters),
            columns=columns,
            attributes=[column.target.attname for column, _, _ in select[columns]],
            related=get_related_populators(info, select, DATABASE),
        )

    def instance(self, row: Sequence[Any]) -> Any:
        made = self.compiler.klass_info["model"].from_db(DATABASE, self.attributes, row[self.columns])
        for related in self.related:
            related.populate(row, made)
        for name, place in self.compiler.annotation_col_map.items():
            setattr(made, name, row[place])
        return made


class Compiled(Generic[Row]):
    """A query with slots."""

    def __init__(self, build: Callable[[], models.QuerySet[Row]]) -> None:
        """Describe a query; it is translated when it is first run.

        Args:
            build: Makes the QuerySet. What it prefetches is not fetched.
        """
        self._build = build

    @cached_property
    def _statement(self) -> _Statement:
        return _Statement.of(self._build().query)

    def run(self, **values: Any) -> list[Row]:
        """Run it with these values, one for each slot."""
        statement = self._statement
        given = [values[each.name] if isinstance(each, Slot) else each for each in statement.parameters]
        with connections[DATABASE].cursor() as cursor:
            cursor.execute(statement.text, given)
            found = cursor.fetchall()
        return [statement.instance(row) for row in statement.compiler.results_iter([found])]
