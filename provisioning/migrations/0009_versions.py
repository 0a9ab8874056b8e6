"""Rows that callers see and change count their versions: a trigger does, so that nobody can forget to.

Lists by name find their order in an index.
"""

from django.db import migrations, models

FUNCTION = """
CREATE FUNCTION row_version_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
"""
TABLES = ("environment", "provisioning_request", "resource")


def trigger(table: str) -> str:
    return f"CREATE TRIGGER {table}_version BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION row_version_count();"


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0008_on_behalf_of")]

    operations = [
        migrations.AddField(
            model_name=model,
            name="version",
            field=models.PositiveIntegerField(db_default=1, default=1, help_text="Counts changes; in the ETag."),
        )
        for model in ("environment", "resource")
    ] + [
        migrations.AlterField(
            "provisioningrequest",
            "version",
            models.PositiveIntegerField(default=1, help_text="Counts changes; in the ETag."),
        ),
        migrations.RunSQL(
            FUNCTION + "".join(trigger(table) for table in TABLES), "DROP FUNCTION row_version_count() CASCADE"
        ),
        migrations.AddIndex(
            "resource",
            models.Index(fields=["project", "name", "id"], name="resource_name"),
        ),
    ]
