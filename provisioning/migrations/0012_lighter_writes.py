"""Orders are written with less work around their rows.

Rules of columns are part of their types; the guard of lifecycles lets pass how a row usually begins without looking it
up; and a new row is looked for in the scope without making an array of it.
"""

import django.core.validators
from django.db import migrations, models

from platform_api.core.domains import NumberInDomain, TextInDomain
from platform_api.core.migrations import CreateDomain, IntoDomain, ScopedWrites, belongs_to, holds, is_one_of

OPERATIONS = [
    ("provision", "Provision"),
    ("update", "Update"),
    ("rotate", "Rotate credentials"),
    ("deprovision", "Deprovision"),
    ("verify", "Verify"),
    ("check_drift", "Check for drift"),
]
DESIRES = [("present", "Present"), ("absent", "Absent")]
SLUG = django.core.validators.RegexValidator(
    r"^[a-z][a-z0-9-]{0,38}[a-z0-9]\Z",
    "Use 2 to 40 of: a-z, 0-9, hyphen; begin with a letter, do not end with a hyphen.",
)
NAME = r"^[a-z][a-z0-9-]{0,38}[a-z0-9]\Z"

BEGINNINGS = {"run": "pending", "provisioning_request": "fulfilling", "resource": "pending"}
"""The beginning that the guard is given; a test compares it with ``lifecycle_move``."""

GUARD = """
CREATE OR REPLACE FUNCTION lifecycle_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    came_from text := CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.status END;
BEGIN
    {shortcut}IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION '% is history: a row is never deleted', TG_TABLE_NAME USING ERRCODE = 'SW002';
    END IF;
    IF TG_OP = 'UPDATE' AND NOT EXISTS (
        SELECT FROM lifecycle_move WHERE machine = TG_TABLE_NAME AND source = came_from
    ) THEN
        RAISE EXCEPTION '% is final as %: it never changes', TG_TABLE_NAME, came_from USING ERRCODE = 'SW002';
    END IF;
    IF NEW.status IS DISTINCT FROM came_from AND NOT EXISTS (
        SELECT FROM lifecycle_move WHERE machine = TG_TABLE_NAME AND source = came_from AND target = NEW.status
    ) THEN
        RAISE EXCEPTION '% cannot go from % to %', TG_TABLE_NAME, coalesce(nullif(came_from, ''), 'nothing'), NEW.status
            USING ERRCODE = 'SW002';
    END IF;
    RETURN NEW;
END $$;
"""
SHORTCUT = """IF TG_OP = 'INSERT' AND NEW.status = TG_ARGV[0] THEN
        RETURN NEW;
    END IF;
    """


def trigger(table: str, given: str) -> str:
    return (
        f"CREATE OR REPLACE TRIGGER {table}_lifecycle BEFORE INSERT OR UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION lifecycle_guard({given});"
    )


def number(model: str, name: str, *, was: str = "integer", **options: object) -> IntoDomain:
    field = NumberInDomain(domain="natural_number", **options)
    return IntoDomain(model, name, field, was=was, check=f"{name} >= 0")


def operation(model: str) -> IntoDomain:
    field = TextInDomain(domain="operation", max_length=16, choices=OPERATIONS)
    return IntoDomain(model, "operation", field, was="varchar(16)")


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0011_requests_without_version"), ("tenancy", "0009_lighter_writes")]

    operations = [
        migrations.RunSQL(
            GUARD.format(shortcut=SHORTCUT) + "".join(trigger(table, f"'{it}'") for table, it in BEGINNINGS.items()),
            GUARD.format(shortcut="") + "".join(trigger(table, "") for table in BEGINNINGS),
        ),
        CreateDomain("operation", "varchar(16)", is_one_of(*dict(OPERATIONS))),
        CreateDomain("desired", "varchar(16)", is_one_of(*dict(DESIRES))),
        CreateDomain("resource_name", "varchar(40)", f"VALUE ~ '{NAME}'"),
        migrations.RemoveConstraint("resource", "resource_desired_is_known"),
        migrations.RemoveConstraint("resource", "resource_name_is_sound"),
        migrations.RemoveConstraint("provisioningrequest", "provisioning_request_operation_is_known"),
        migrations.RemoveConstraint("run", "run_operation_is_known"),
        IntoDomain(
            "resource",
            "name",
            TextInDomain(domain="resource_name", max_length=40, validators=[SLUG]),
            was="varchar(40)",
        ),
        IntoDomain(
            "resource", "desired", TextInDomain(domain="desired", max_length=16, choices=DESIRES), was="varchar(16)"
        ),
        number("resource", "generation", default=1),
        number("resource", "observed_generation", default=0),
        number("resource", "version", db_default=1, default=1, help_text="Counts changes; in the ETag."),
        operation("provisioningrequest"),
        number("provisioningrequest", "generation", help_text="Which intent of the resource this is."),
        operation("run"),
        number("run", "generation", help_text="Which intent of the resource this run fulfils."),
        number("run", "worker_min_version", default=1),
        number("run", "attempt", was="smallint", default=0),
        migrations.RemoveConstraint("run", "run_lease_is_whole"),
        migrations.AddConstraint(
            "run",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lease_owner", None), ("lease_until", None)),
                    models.Q(("epoch__isnull", False), ("lease_owner__isnull", False), ("lease_until__isnull", False)),
                    _connector="OR",
                ),
                name="run_lease_is_whole",
            ),
        ),
        ScopedWrites("resource", holds("project_id"), was=belongs_to("project_id")),
        ScopedWrites("provisioning_request", holds("project_id"), was=belongs_to("project_id")),
        ScopedWrites("run", holds("project_id"), was=belongs_to("project_id")),
    ]
