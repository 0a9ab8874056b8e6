"""An answer that is given again has the entity tag that it had the first time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("idempotency", "0003_key_lock")]

    operations = [
        migrations.AddField(
            model_name="idempotencykey",
            name="tag",
            field=models.CharField(
                blank=True, db_default="", help_text="ETag of the answer, where it is kept.", max_length=100
            ),
        ),
    ]
