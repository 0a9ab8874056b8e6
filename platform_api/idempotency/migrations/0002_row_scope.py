"""A key is its caller's alone, and so is the answer that is kept with it."""

from django.db import migrations

from platform_api.core.migrations import ScopedRows, belongs_to


class Migration(migrations.Migration):
    dependencies = [("idempotency", "0001_initial"), ("tenancy", "0005_row_scope")]

    operations = [ScopedRows("idempotency_key", belongs_to("caller_id"))]
