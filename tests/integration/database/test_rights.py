"""What the application's database user may do, judged by PostgreSQL itself."""

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

from tests import databases

NEVER = {"TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"}
APPEND_ONLY = {"audit_event", "policy_decision", "quota_entry"}


def granted() -> dict[str, set[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, acl.privilege_type FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) acl
            JOIN pg_roles r ON r.oid = acl.grantee
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND r.rolname = 'slipway_app'
            """
        )
        rights: dict[str, set[str]] = {}
        for table, right in cursor.fetchall():
            rights.setdefault(table, set()).add(right)
    return rights


@pytest.mark.django_db
def test_the_service_runs_as_a_user_who_owns_nothing_and_is_no_superuser() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname=current_user"
        )
        assert cursor.fetchone() == ("slipway_app", False, False, False)
        cursor.execute(
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname=current_user"
        )
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_every_table_of_a_model_is_at_least_readable_and_none_can_be_truncated() -> None:
    rights = granted()
    models: list[type[Model]] = list(apps.get_models(include_auto_created=True))
    for table in {model._meta.db_table for model in models}:
        assert "SELECT" in rights.get(table, set()), f"{table} has no GRANT in any migration"
    assert not [table for table, given in rights.items() if given & NEVER]


@pytest.mark.django_db
def test_append_only_tables_are_granted_no_more_than_insert_and_select() -> None:
    rights = granted()
    assert {table: rights[table] for table in APPEND_ONLY} == {table: {"SELECT", "INSERT"} for table in APPEND_ONLY}


@pytest.mark.django_db
def test_a_model_wide_permission_cannot_be_given_at_run_time() -> None:
    rights = granted()
    assert rights["tenancy_user_user_permissions"] == {"SELECT"}
    assert rights["auth_group_permissions"] == {"SELECT"}


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE mine (id int)", "CREATE TEMP TABLE mine (id int)", "TRUNCATE team CASCADE"]
)
def test_the_service_may_not_make_or_empty_tables(committing_database: str, statement: str) -> None:
    with (
        databases.connected("DATABASE_URL", committing_database) as raw,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        raw.execute(statement)
