"""Queries that Django translates once a process.

Most of what a small read costs is the translation of a QuerySet into SQL, each time into the same text: of the 3.2 ms
that reading one resource took, 2.2. A compiled query is written as a QuerySet, with slots where the values of a call
go, and gives the same instances.

It stands on what Django's SQLCompiler leaves behind when it has translated, and does with it what Django's own
ModelIterable does; a test compares the two.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.expressions import Combinable, Expression, Func, Value
from django.db.models.query import get_related_populators

from platform_api.core.statements import scoped_run

Row = TypeVar("Row", bound=models.Model)
DATABASE = "default"
_UUIDS = ArrayField(models.UUIDField())


class Slot(Expression):
    """Where a value goes that each call brings."""

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        """Name a place.

        Args:
            name: How the call names its value.
            output_field: Its type; PostgreSQL is told.
        """
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return a placeholder whose parameter is this slot."""
        return f"%s::{self.output_field.db_type(connection)}", (self,)


class Among(Func):
    """Whether an id is one of an array's: one text for any number of them, where ``IN`` has as many texts as ids."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    arity = 2
    output_field = models.BooleanField()

    def __init__(self, column: str, ids: Sequence[Any] | Combinable) -> None:
        """Compare.

        Args:
            column: Which one is to be among them.
            ids: UUIDs, or the slot for them.
        """
        super().__init__(models.F(column), ids if isinstance(ids, Combinable) else Value(list(ids), _UUIDS))


def uuid_slot(name: str) -> Slot:
    """Return a slot for one id."""
    return Slot(name, models.UUIDField())


def uuids_slot(name: str) -> Slot:
    """Return a slot for a list of ids."""
    return Slot(name, _UUIDS)


class Compiled(Generic[Row]):
    """A query with slots; it is translated when it is first run."""

    def __init__(self, build: Callable[[], models.QuerySet[Row]]) -> None:
        """Describe a query.

        Args:
            build: Makes the QuerySet. What it prefetches is not fetched.
        """
        self._build = build

    @cached_property
    def _translated(self) -> tuple[str, Sequence[Any], Callable[[Sequence[Any]], Row]]:
        """Return the text, its parameters, and what makes an instance of a row; as ``ModelIterable`` has it."""
        compiler = self._build().query.get_compiler(using=DATABASE)
        text, parameters = compiler.as_sql()
        info, select = compiler.klass_info, compiler.select
        if info is None or select is None:
            raise TypeError("a compiled query is one of model instances")
        model, columns = info["model"], slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        attributes = [column.target.attname for column, _, _ in select[columns]]
        populators = get_related_populators(info, select, DATABASE)  # type: ignore[call-arg]  # the stub is of Django 6
        annotations: Mapping[str, int] = compiler.annotation_col_map
        converters = compiler.get_converters([expression for expression, _, _ in select])

        def instance(row: Sequence[Any]) -> Row:
            if converters:
                (row,) = compiler.apply_converters([row], converters)
            made: Row = model.from_db(DATABASE, attributes, row[columns])
            for populator in populators:
                populator.populate(row, made)
            for name, place in annotations.items():
                setattr(made, name, row[place])
            return made

        return text, parameters, instance

    def run(self, **values: Any) -> list[Row]:
        """Run it with these values, one for each slot."""
        text, parameters, instance = self._translated
        given = [values[each.name] if isinstance(each, Slot) else each for each in parameters]
        return [instance(row) for row in scoped_run(text, given)]

    def first(self, **values: Any) -> Row | None:
        """Run it, and return its first row, if there is one."""
        return next(iter(self.run(**values)), None)


def compiled(build: Callable[..., models.QuerySet[Row]]) -> Callable[..., Compiled[Row]]:
    """Make a function that builds a QuerySet return it compiled, once for each set of arguments.

    Args:
        build: Takes keywords that are few and hashable: each combination is a text of its own.
    """

    @cache
    def made(**variant: Hashable) -> Compiled[Row]:
        return Compiled(lambda: build(**variant))

    return made
