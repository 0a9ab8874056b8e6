"""Migrations as they stand: hand-written SQL agrees with the models, and each of our own has a way back."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

OURS = {"provisioning", "governance", "catalog", "tenancy", "audit", "idempotency"}


def models() -> list[type[Model]]:
    return [model for model in apps.get_models() if model._meta.app_label in OURS]


@pytest.mark.django_db
@pytest.mark.parametrize("model", models(), ids=lambda model: model._meta.db_table)
def test_a_table_has_the_columns_that_its_model_says(model: type[Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull FROM pg_attribute a
            WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
            """,
            [model._meta.db_table],
        )
        stored = {name: (kind, nullable) for name, kind, nullable in cursor.fetchall()}
    declared = {
        str(field.column): (_normal(str(field.db_type(connection))), field.null)
        for field in model._meta.concrete_fields
        if field.column
    }
    assert stored == declared


def _normal(db_type: str) -> str:
    return db_type.replace("varchar", "character varying").replace("numeric(10, 2)", "numeric(10,2)")


@pytest.mark.django_db
def test_constraints_and_indexes_that_a_model_names_exist() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint UNION SELECT relname FROM pg_class WHERE relkind IN ('i', 'I')"
        )
        stored = {name for (name,) in cursor.fetchall()}
    named = {item.name for model in models() for item in (*model._meta.constraints, *model._meta.indexes)}
    assert named <= stored


def test_no_model_lacks_a_migration(database_template: str, db: None) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_our_migrations_are_named_for_what_they_do() -> None:
    loader = MigrationLoader(None)
    names = [name for app, name in loader.disk_migrations if app in OURS]
    assert names
    assert not [name for name in names if "auto" in name]


def test_our_migrations_can_be_taken_back_and_applied_again(committing_database: str) -> None:
    owner = connections["owner"]
    name, owner.settings_dict["NAME"] = owner.settings_dict["NAME"], committing_database
    try:
        for app in ("provisioning", "governance", "catalog", "audit", "idempotency"):
            call_command("migrate", app, "zero", verbosity=0)
        call_command("migrate", "tenancy", "0001", verbosity=0)
        call_command("migrate", verbosity=0)
    finally:
        owner.close()
        owner.settings_dict["NAME"] = name
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_event")
        assert cursor.fetchone() == (0,)
