"""Queues of pools, and what the dispatcher looks for, have indexes that hold nothing else.

The index of leases goes without their ends, and the one of requests by environment without those that have ended.
"""

import django.db.models.deletion
from django.db import migrations, models

CLAIMABLE = models.Q(("lease_owner", None), ("status__in", ["pending", "recovering"]))


class Migration(migrations.Migration):
    expands = "The altered key loses an index and nothing else; its column stays as it was."
    dependencies = [("catalog", "0006_pools"), ("provisioning", "0013_recovery")]

    operations = [
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["pool"], condition=CLAIMABLE & models.Q(("hinted_at__isnull", False)), name="run_hinted"
            ),
        ),
        migrations.RemoveIndex("run", "run_lease"),
        migrations.AddIndex(
            "run",
            models.Index(fields=["pool"], condition=models.Q(("lease_owner__isnull", False)), name="run_leased"),
        ),
        migrations.AlterField(
            "provisioningrequest",
            "environment",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="provisioning.environment",
            ),
        ),
        migrations.AddIndex(
            "provisioningrequest",
            models.Index(
                fields=["environment", "resource"],
                condition=models.Q(("status", "fulfilling")),
                name="provisioning_request_under_way",
            ),
        ),
    ]
