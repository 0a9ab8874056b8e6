"""Requests know for whom a service made them, e.g. for which CI job."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("provisioning", "0007_row_scope"),
    ]

    operations = [
        migrations.AddField(
            model_name="provisioningrequest",
            name="on_behalf_of",
            field=models.CharField(blank=True, default="", help_text="Whom a service asked for.", max_length=300),
        ),
    ]
