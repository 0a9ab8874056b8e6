"""Tokens that took each other's place by rotation know it of each other."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0005_row_scope"),
    ]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="family",
            field=models.ForeignKey(
                blank=True,
                help_text="The first token of which this is a rotation; none for a first one.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenancy.apitoken",
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="rotated_at",
            field=models.DateTimeField(
                blank=True, help_text="When another took its place; that happens to a token once.", null=True
            ),
        ),
    ]
