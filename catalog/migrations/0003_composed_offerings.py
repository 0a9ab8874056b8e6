"""Composed offerings: versions that have components instead of a module, and so no target."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_immutability_and_rights"),
    ]

    operations = [
        migrations.AlterField(
            model_name="offeringversion",
            name="connection_kind",
            field=models.CharField(
                choices=[("postgres", "PostgreSQL server"), ("valkey", "Valkey server"), ("aws", "AWS account")],
                max_length=16,
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="offeringversion",
            name="digest",
            field=models.CharField(help_text="SHA-256 of what is packed, in hex.", max_length=64),
        ),
        migrations.AddConstraint(
            model_name="offeringversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("connection_kind", None), ("manifest__has_key", "components")),
                    models.Q(
                        ("connection_kind__isnull", False), models.Q(("manifest__has_key", "components"), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="offering_version_has_a_target_or_components",
            ),
        ),
    ]
