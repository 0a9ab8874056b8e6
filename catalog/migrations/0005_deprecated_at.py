"""Since when a version is not to be ordered any more: a trigger writes it down when the status leaves ``published``.

Its name has it fire after the one that refuses changes, so that nobody else can set it.
"""

from django.db import migrations, models

TRIGGER = """
CREATE FUNCTION offering_version_deprecated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'published' AND NEW.status <> 'published' THEN
        NEW.deprecated_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER offering_version_set_deprecated BEFORE UPDATE ON offering_version
    FOR EACH ROW EXECUTE FUNCTION offering_version_deprecated();
"""
FILL = """
ALTER TABLE offering_version DISABLE TRIGGER offering_version_no_change;
UPDATE offering_version SET deprecated_at = clock_timestamp() WHERE status <> 'published';
ALTER TABLE offering_version ENABLE TRIGGER offering_version_no_change;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_generation")]

    operations = [
        migrations.AddField("offeringversion", "deprecated_at", models.DateTimeField(null=True, editable=False)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGER, "DROP FUNCTION offering_version_deprecated() CASCADE"),
    ]
