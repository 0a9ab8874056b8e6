"""Calls with one key wait for each other, two seconds at most; after that a caller is told to come back."""

from django.db import migrations

# Where it waits, it waits before anything else is locked but a share of the environment's row. The lock goes with the
# transaction. A hash of 64 bits stands for caller and key: two that meet by chance wait for each other, no more.
LOCK = """
CREATE FUNCTION idempotency_key_lock(caller uuid, key text) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(caller::text || key, 0));
    RETURN true;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("idempotency", "0002_row_scope")]

    operations = [migrations.RunSQL(LOCK, "DROP FUNCTION idempotency_key_lock(uuid, text)")]
