from django.db import migrations, models


class Migration(migrations.Migration):
    """Runs whose apply ended unclean wait in the queue, too; and resources are found that are to be looked at again."""

    dependencies = [("provisioning", "0012_lighter_writes")]

    operations = [
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
