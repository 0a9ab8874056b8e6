"""Operations for migrations: rights of the application's database user, and SQL that Django has no word for."""

from collections.abc import Sequence
from typing import Any

from django.db import migrations

from platform_api.core.domains import InDomain

APPLICATION_ROLE = "slipway_app"
"""The database user that the service runs as; made by docs/database-users.sql, never by a migration."""


class Grant(migrations.RunSQL):
    """Give the application's user rights on a table; nothing is given by default.

    Args:
        table: Name of the table.
        rights: SQL privileges, e.g. ``SELECT, INSERT``; TRUNCATE is never among them.
    """

    def __init__(self, table: str, rights: str) -> None:
        self.table, self.rights = table, rights
        super().__init__(
            sql=f'GRANT {rights} ON TABLE "{table}" TO {APPLICATION_ROLE}',
            reverse_sql=f'REVOKE {rights} ON TABLE "{table}" FROM {APPLICATION_ROLE}',
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Write the operation as it was said."""
        return (self.__class__.__name__, [self.table, self.rights], {})

    def describe(self) -> str:
        """Say in the plan of a migration what is granted."""
        return f"Grant {self.rights} on {self.table} to {APPLICATION_ROLE}"


class GrantSequence(migrations.RunSQL):
    """Let the application's user draw numbers from a sequence."""

    def __init__(self, sequence: str) -> None:
        self.sequence = sequence
        super().__init__(
            sql=f'GRANT USAGE ON SEQUENCE "{sequence}" TO {APPLICATION_ROLE}',
            reverse_sql=f'REVOKE USAGE ON SEQUENCE "{sequence}" FROM {APPLICATION_ROLE}',
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Write the operation as it was said."""
        return (self.__class__.__name__, [self.sequence], {})


class MovesGeneration(migrations.RunSQL):
    """Move a generation with every change of a table's rows, so that no process goes by what it kept from before.

    The triggers wait for the end of the transaction: its changes and the new number become visible together, and the
    number's row is locked for no longer than the commit takes. However many rows a transaction changes, the number
    moves once.

    Args:
        table: Name of the table.
        generation: Name of the generation, as ``core/keeping.py`` is given it.
        with_new_rows: Whether a new row is a change; not where only what is there is ever kept.
        but_for: Columns whose change is none, e.g. the time of a last use.
    """

    def __init__(self, table: str, generation: str, *, with_new_rows: bool = True, but_for: Sequence[str] = ()) -> None:
        self.table, self.generation = table, generation
        self.with_new_rows, self.but_for = with_new_rows, tuple(but_for)
        trigger, moves = f"{table}_moves_{generation}", f"EXECUTE FUNCTION generation_move('{generation}')"
        ignored = "".join(f" - '{column}'" for column in self.but_for)
        coming = "INSERT OR DELETE" if with_new_rows else "DELETE"
        super().__init__(
            sql=f"""
                INSERT INTO generation (name) VALUES ('{generation}') ON CONFLICT DO NOTHING;
                CREATE CONSTRAINT TRIGGER {trigger} AFTER {coming} ON "{table}"
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW {moves};
                CREATE CONSTRAINT TRIGGER {trigger}_changed AFTER UPDATE ON "{table}"
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
                    WHEN (to_jsonb(OLD){ignored} IS DISTINCT FROM to_jsonb(NEW){ignored}) {moves};
            """,  # noqa: S608 - the names are a migration's own words
            reverse_sql=f"""
                DROP TRIGGER {trigger}_changed ON "{table}";
                DROP TRIGGER {trigger} ON "{table}";
            """,
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Write the operation as it was said."""
        named = {"with_new_rows": self.with_new_rows, "but_for": self.but_for}
        return (self.__class__.__name__, [self.table, self.generation], named)

    def describe(self) -> str:
        """Say in the plan of a migration what moves what."""
        return f"Move generation {self.generation} with changes of {self.table}"


class CreateDomain(migrations.RunSQL):
    """Make a type that judges each value when it is written (``core/domains.py``).

    Args:
        name: Of the type; what is refused is refused by the constraint ``<name>_is_sound``.
        base: Type that the values have otherwise, e.g. ``varchar(16)``.
        rule: SQL condition on ``VALUE``.
    """

    def __init__(self, name: str, base: str, rule: str) -> None:
        self.name, self.base, self.rule = name, base, rule
        super().__init__(
            sql=f"CREATE DOMAIN {name} AS {base} CONSTRAINT {name}_is_sound CHECK ({rule})",
            reverse_sql=f"DROP DOMAIN {name}",
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Write the operation as it was said."""
        return (self.__class__.__name__, [self.name, self.base, self.rule], {})

    def describe(self) -> str:
        """Say in the plan of a migration what is made."""
        return f"Create domain {self.name}"


def is_one_of(*words: str) -> str:
    """Return the rule of a domain that has these words."""
    return f"VALUE IN ({', '.join(repr(word) for word in words)})"


class IntoDomain(migrations.AlterField):
    """Give a column a domain for its type, and take away the CHECK that Django made for it alone.

    What is on the column otherwise stays: Django's own change of a type would make indexes anew, and miss some.

    Args:
        model_name: Model of the column.
        name: The column's field, which is named like it.
        field: The field as it will be, in a domain.
        was: The column's type before.
        check: Condition that Django held the column to, e.g. ``generation >= 0``; its constraint is
            ``<table>_<column>_check``.
    """

    def __init__(self, model_name: str, name: str, field: InDomain, *, was: str, check: str = "") -> None:
        self.domain, self.was, self.check = field.domain, was, check
        super().__init__(model_name, name, field)  # type: ignore[arg-type]  # each InDomain is a field, too

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Write the operation as it was said."""
        named = {"model_name": self.model_name, "name": self.name, "field": self.field}
        return (self.__class__.__name__, [], {**named, "was": self.was, "check": self.check})

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Change the type; no value is, but each is judged."""
        table = self._table(app_label, to_state)
        if self.check:
            schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_{self.name}_check"')
        schema_editor.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{self.name}" TYPE {self.domain}')

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Give it back its type from before."""
        table = self._table(app_label, to_state)
        schema_editor.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{self.name}" TYPE {self.was}')
        if self.check:
            named = f'"{table}_{self.name}_check"'
            schema_editor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT {named} CHECK ({self.check})')

    def _table(self, app_label: str, state: Any) -> str:
        return str(state.models[app_label, self.model_name_lower].options["db_table"])


class AppendOnly(migrations.RunSQL):
    """Refuse every change of a table's rows but new ones, to everyone; its owner too.

    Args:
        table: Name of the table; one that is partitioned needs its TRUNCATE refused on each partition besides.
    """

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            sql=f"""
                CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    RAISE EXCEPTION '{table} is append-only: % is refused', TG_OP
                        USING ERRCODE = 'insufficient_privilege';
                END $$;
                CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
                    FOR EACH ROW EXECUTE FUNCTION {table}_is_append_only();
                CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
                    FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only();
            """,
            reverse_sql=f"DROP FUNCTION {table}_is_append_only() CASCADE",
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Write the operation as it was said."""
        return (self.__class__.__name__, [self.table], {})

    def describe(self) -> str:
        """Say in the plan of a migration what is refused."""
        return f"Refuse changes of rows in {self.table}"


_IDS = (
    "((SELECT row_scope_ids())::uuid[])"  # a sub-select by itself is evaluated once for a statement, not for each row
)
_EVERYTHING = "(SELECT row_scope_is_everything())"


def belongs_to(column: str) -> str:
    """Return the condition that a row belongs to the scope by a column that is never NULL.

    The ids of a scope that is everything are NULL, and nothing compares as false with them: one look at it is enough.
    """
    return f"({column} = ANY {_IDS}) IS NOT FALSE"


def belongs_to_any(*conditions: str) -> str:
    """Return the condition that a row belongs to the scope in one of several ways; ``{ids}`` stands for the scope's."""
    return " OR ".join((_EVERYTHING, *(condition.format(ids=_IDS) for condition in conditions)))


def belongs_with(parent: str, *, by: str, key: str = "id") -> str:
    """Return the condition that a row's parent is in scope, as the parent's own policy says.

    Args:
        parent: Table of the parent.
        by: Table and column of the row that name it.
        key: The parent's column.
    """
    return f"{_EVERYTHING} OR EXISTS (SELECT FROM {parent} WHERE {parent}.{key} = {by})"


def holds(column: str) -> str:
    """Return the condition that a row which is written belongs to the scope, by a column that is never NULL.

    For what writes one row: it looks for the id's text in the scope's. ``belongs_to`` makes an array of the scope
    first, which is quick for many rows that are read, and was seen to cost a tenth of an order.
    """
    return f"row_scope_holds({column})"


class ScopedRows(migrations.RunSQL):
    """Let the application's user see and change only rows within the scope of its transaction (``core.row_scope``).

    The owner, who migrates, is not held to it.

    Args:
        table: Name of the table.
        belongs: SQL condition that a row belongs to the scope.
        may_append: Whether rows of others may be added all the same, as to a history.
    """

    def __init__(self, table: str, belongs: str, *, may_append: bool = False) -> None:
        self.table, self.belongs, self.may_append = table, belongs, may_append
        added = "true" if may_append else belongs
        super().__init__(
            sql=f"""
                ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
                CREATE POLICY row_scope ON {table} TO {APPLICATION_ROLE} USING ({belongs}) WITH CHECK ({added});
            """,
            reverse_sql=f"DROP POLICY row_scope ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Write the operation as it was said."""
        return (self.__class__.__name__, [self.table, self.belongs], {"may_append": True} if self.may_append else {})

    def describe(self) -> str:
        """Say in the plan of a migration what is narrowed."""
        return f"Show {APPLICATION_ROLE} only rows of {self.table} within its scope"


class ScopedWrites(migrations.RunSQL):
    """Judge the rows that are written to a table of ``ScopedRows`` by another condition than those that are read.

    Args:
        table: Name of the table.
        condition: SQL condition that a new or changed row belongs to the scope; ``true`` where rows of others may be
            added, as to a history.
        was: The condition until now.
    """

    def __init__(self, table: str, condition: str, *, was: str) -> None:
        self.table, self.condition, self.was = table, condition, was
        super().__init__(
            sql=f"ALTER POLICY row_scope ON {table} WITH CHECK ({condition})",
            reverse_sql=f"ALTER POLICY row_scope ON {table} WITH CHECK ({was})",
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Write the operation as it was said."""
        return (self.__class__.__name__, [self.table, self.condition], {"was": self.was})

    def describe(self) -> str:
        """Say in the plan of a migration what is judged."""
        return f"Judge what {APPLICATION_ROLE} writes to {self.table} by {self.condition}"
