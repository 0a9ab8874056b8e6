"""Orders are written with fewer indexes: away go those that another begins with, and those that nothing looks for."""

from django.db import migrations, models

PROTECT = models.PROTECT


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_deprecated_at"),
        ("tenancy", "0008_row_scope_of_log_in"),
        ("provisioning", "0009_versions"),
    ]

    operations = [
        migrations.AlterField(
            model,
            name,
            models.ForeignKey(to, on_delete=PROTECT, db_constraint=False, db_index=False, related_name="+"),
        )
        for model, name, to in (
            ("provisioningrequest", "offering_version", "catalog.offeringversion"),
            ("provisioningrequest", "plan", "catalog.plan"),
            ("provisioningrequest", "project", "tenancy.project"),
            ("resource", "connection", "catalog.connection"),
            ("resource", "plan", "catalog.plan"),
            ("run", "offering_version", "catalog.offeringversion"),
            ("run", "plan", "catalog.plan"),
            ("run", "project", "tenancy.project"),
        )
    ] + [
        migrations.AlterField(
            model, name, models.ForeignKey(to, on_delete=PROTECT, db_index=False, related_name=related)
        )
        for model, name, to, related in (
            ("provisioningrequest", "resource", "provisioning.resource", "provisioning_requests"),
            ("resource", "project", "tenancy.project", "resources"),
            ("run", "resource", "provisioning.resource", "runs"),
        )
    ]
