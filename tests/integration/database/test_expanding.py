"""Migrations expand: the release before goes on while this one comes (docs/adr/0089-expand-then-contract.md)."""

from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from platform_api.core.migrations import Grant, GrantSequence
from platform_api.settings.version import version as version_of_code
from tests.integration.database.test_migrations import OURS

RELEASED = {
    "audit": "0003_domains",
    "catalog": "0005_deprecated_at",
    "governance": "0004_lighter_writes",
    "idempotency": "0005_lighter_writes",
    "provisioning": "0012_lighter_writes",
    "tenancy": "0009_lighter_writes",
}
"""By app, the last migration that nobody needs to be careful about any more; moved on with each release."""

EXPANDING = (
    migrations.CreateModel,
    migrations.AddIndex,
    migrations.RemoveIndex,
    migrations.RenameIndex,
    migrations.RemoveConstraint,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
    migrations.AlterModelTableComment,
    Grant,
    GrantSequence,
)
"""What the code of the release before does not notice."""


def contracts(operation: Operation) -> bool:
    """Tell whether the release before may break by an operation; what is not known is taken for such."""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        return not (field.null or field.has_db_default() or field.many_to_many)
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return any(contracts(each) for each in operation.database_operations)
    return not isinstance(operation, EXPANDING)


def newer() -> list[tuple[str, migrations.Migration]]:
    """Return the migrations that came after the released ones."""
    found = MigrationLoader(None).disk_migrations
    return sorted(
        (f"{app}.{name}", migration)
        for (app, name), migration in found.items()
        if app in OURS and name > RELEASED.get(app, "")
    )


def fault(migration: Any, *, version: tuple[int, ...]) -> str:
    """Return what is wrong with a migration in the release of this version; empty where nothing is."""
    contracting = [type(each).__name__ for each in migration.operations if contracts(each)]
    after, why = getattr(migration, "contracts", ""), getattr(migration, "expands", "")
    if not contracting:
        return "says that it contracts, and does not" if after else ""
    if after:
        return "" if numbers(after) < version else f"contracts what release {after} expanded, which is not older"
    return "" if why.strip() else f"contracts by {', '.join(contracting)}, and does not say after which release"


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def test_the_release_before_goes_on_with_every_migration_of_this_one() -> None:
    faults = {name: fault(migration, version=numbers(version_of_code())) for name, migration in newer()}
    assert {name: words for name, words in faults.items() if words} == {}


def test_what_is_named_as_released_is_there() -> None:
    assert set(RELEASED.items()) <= MigrationLoader(None).disk_migrations.keys()
    assert RELEASED.keys() == OURS


NULLABLE = migrations.AddField("run", "note", models.TextField(null=True))
NARROW = [
    migrations.AddField("run", "note", models.TextField(default="")),  # Django's default is not the database's
    migrations.RemoveField("run", "pool"),
    migrations.RenameField("run", "pool", "queue"),
    migrations.AlterField("run", "pool", models.CharField(max_length=8)),
    migrations.DeleteModel("run"),
    migrations.RenameModel("run", "job"),
    migrations.AddConstraint("run", models.CheckConstraint(condition=models.Q(attempt__lt=9), name="few")),
    migrations.RunSQL("ALTER TABLE run DROP COLUMN pool"),
    migrations.SeparateDatabaseAndState(database_operations=[migrations.RunSQL("DROP TABLE run")]),
]


@pytest.mark.parametrize("operation", NARROW, ids=lambda operation: type(operation).__name__)
@pytest.mark.parametrize(
    ("said", "is_refused"),
    [
        ({}, True),
        ({"expands": " "}, True),
        ({"contracts": "0.3.0"}, True),
        ({"contracts": "0.2.9"}, False),
        ({"expands": "nobody reads it"}, False),
    ],
)
def test_what_contracts_says_after_which_release(
    operation: Operation,
    said: dict[str, str],
    is_refused: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    migration = type("Migration", (), {"operations": [NULLABLE, operation], **said})
    assert bool(fault(migration, version=(0, 3, 0))) == is_refused


def test_what_only_expands_says_nothing() -> None:
    expanding = [
        NULLABLE,
        migrations.AddField("run", "note", models.TextField(db_default="")),
        migrations.AddIndex("run", models.Index(fields=["pool"], name="run_pool")),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("run", "pool")]),
    ]
    assert not fault(type("Migration", (), {"operations": expanding}), version=(0, 3, 0))
    assert fault(type("Migration", (), {"operations": expanding, "contracts": "0.1.0"}), version=(0, 3, 0))
