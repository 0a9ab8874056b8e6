"""What is published never changes: triggers refuse it to everyone, and the application's user has no right to try.

Only a status moves, and only forward; with a version's status its sunset may be set. The application's rights to UPDATE are
given column by column.
"""

from django.db import migrations

from platform_api.core.migrations import Grant

FUNCTION = """
CREATE FUNCTION {table}_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    expected {table};
    stages CONSTANT text[] := ARRAY[{stages}];
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION '{table} keeps what was published: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    expected := NEW;
    {restore}
    IF expected IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION '{table} keeps what was published: only its status may change'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF array_position(stages, NEW.status::text) < array_position(stages, OLD.status::text) THEN
        RAISE EXCEPTION '{table} moves forward only: % cannot become %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_is_immutable();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_immutable();
"""

BACK = """
DROP TRIGGER {table}_no_truncate ON {table};
DROP TRIGGER {table}_no_change ON {table};
DROP FUNCTION {table}_is_immutable();
"""


def immutable(table: str, *, stages: list[str], changeable: list[str]) -> migrations.RunSQL:
    quoted = ", ".join(f"'{stage}'" for stage in stages)
    restore = " ".join(f"expected.{column} := OLD.{column};" for column in changeable)
    return migrations.RunSQL(
        FUNCTION.format(table=table, stages=quoted, restore=restore),
        BACK.format(table=table),
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        immutable(
            "offering_version",
            stages=["published", "deprecated", "retired"],
            changeable=["status", "sunset_at"],
        ),
        immutable("plan", stages=["active", "retired"], changeable=["status"]),
        Grant("offering", "SELECT, INSERT, UPDATE (status)"),
        Grant("offering_version", "SELECT, INSERT, UPDATE (status, sunset_at)"),
        Grant("plan", "SELECT, INSERT, UPDATE (status)"),
        Grant("connection", "SELECT, INSERT, UPDATE"),
        Grant("connection_team", "SELECT, INSERT, DELETE"),
    ]
