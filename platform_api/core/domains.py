"""Columns whose rule is part of their type: PostgreSQL's domains (``CreateDomain`` in ``core/migrations.py``).

A table's CHECK constraint is read anew from its text by every statement that writes to the table, a domain's once a
connection. Tables that every order writes have their rules in domains; for others a CHECK is simpler.
(ADR 70 has the figures.)
"""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:  # generic only to the type checker
    from django.db.models.expressions import Combinable

    _Field = object  # whose values are Any would make those of the fields below so, too
    _Text = models.CharField[str | Combinable, str]
    _Number = models.IntegerField[int | Combinable, int]
else:
    _Field, _Text, _Number = models.Field, models.CharField, models.IntegerField

NATURAL = "natural_number"
"""Domain of integers that are 0 or more; made with the tables of tenancy, for all apps."""


class InDomain(_Field):
    """What fields in domains have in common."""

    def __init__(self, *args: Any, domain: str, **options: Any) -> None:
        """Say what the column is.

        Args:
            *args: As the field that it is otherwise.
            domain: Name of the domain, which a migration has made.
            **options: As the field that it is otherwise.
        """
        self.domain = domain
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        """Write the field as it was said."""
        name, path, args, options = super().deconstruct()  # type: ignore[misc]  # of the field that it is otherwise
        return name, path, args, {**options, "domain": self.domain}

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Return the column's type."""
        return self.domain


class TextInDomain(InDomain, _Text):
    """A text that the domain judges: one of some words, or of some form."""


class NumberInDomain(InDomain, _Number):
    """A whole number that the domain judges."""
