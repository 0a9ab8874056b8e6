from django.db import migrations, models

TRIGGER = """
DROP TRIGGER resource_version ON resource;
CREATE TRIGGER resource_version BEFORE UPDATE ON resource FOR EACH ROW {when} EXECUTE FUNCTION row_version_count();
"""
UNSEEN = "WHEN (OLD.verify_at IS NOT DISTINCT FROM NEW.verify_at)"
"""When a resource is looked at again no caller sees, and no caller's ETag becomes stale of it."""


class Migration(migrations.Migration):
    """Runs whose apply ended unclean wait in the queue, too; and resources are found that are to be looked at again."""

    dependencies = [("provisioning", "0012_lighter_writes")]
    expands = "The trigger passes over a column that the release before does not write."

    operations = [
        migrations.RunSQL(TRIGGER.format(when=UNSEEN), TRIGGER.format(when="")),
        migrations.RemoveIndex("run", "run_queue"),
        migrations.AddIndex(
            "run",
            models.Index(
                condition=models.Q(("lease_owner", None), ("status__in", ["pending", "recovering"])),
                fields=["pool", "priority", "id"],
                name="run_queue",
            ),
        ),
        migrations.AddIndex(
            "resource",
            models.Index(
                condition=models.Q(("verify_at__isnull", False)), fields=["verify_at"], name="resource_verify"
            ),
        ),
    ]
