"""A connection names the pool of workers that carries out what is made on it."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    expands = "The release before does not write the column that the constraint is about."
    dependencies = [("catalog", "0005_deprecated_at")]

    operations = [
        migrations.AddField(
            "connection",
            "pool",
            models.CharField(
                db_default="default",
                default="default",
                max_length=32,
                validators=[
                    django.core.validators.RegexValidator(
                        r"^[a-z][a-z0-9-]{0,31}\Z", "Use up to 32 of: a-z, 0-9, hyphen; begin with a letter."
                    )
                ],
            ),
        ),
        migrations.AddConstraint(
            "connection",
            models.CheckConstraint(
                condition=models.Q(("pool__regex", "^[a-z][a-z0-9-]{0,31}$")), name="connection_pool_is_sound"
            ),
        ),
    ]
