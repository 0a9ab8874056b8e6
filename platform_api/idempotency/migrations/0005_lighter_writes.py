"""Keeping an answer costs an order less: no compression, no CHECK, and a look at the scope that makes no array of it.

Answers are a little larger than what PostgreSQL compresses by default, and are kept for a day.
"""

from django.db import migrations, models

from platform_api.core.migrations import ScopedWrites, belongs_to, holds


class Migration(migrations.Migration):
    dependencies = [("idempotency", "0004_answer_tag"), ("tenancy", "0009_lighter_writes")]

    operations = [
        migrations.AlterField(
            "idempotencykey", "status", models.SmallIntegerField(help_text="HTTP status of the answer.")
        ),
        migrations.RunSQL(
            "ALTER TABLE idempotency_key SET (toast_tuple_target = 8160)",
            "ALTER TABLE idempotency_key RESET (toast_tuple_target)",
        ),
        ScopedWrites("idempotency_key", holds("caller_id"), was=belongs_to("caller_id")),
    ]
