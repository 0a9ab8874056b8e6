"""What the tables need that orders write: a look at the scope for one row, and numbers that are never negative."""

from django.db import migrations

from platform_api.core.migrations import CreateDomain

# Ids are written alike everywhere, and none is part of another. What is unset holds nothing.
HOLDS = """
CREATE FUNCTION row_scope_holds(id uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT current_setting('slipway.scope', true) = 'all' OR strpos(current_setting('slipway.scope', true), id::text) > 0
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0008_row_scope_of_log_in")]

    operations = [
        migrations.RunSQL(HOLDS, "DROP FUNCTION row_scope_holds(uuid)"),
        CreateDomain("natural_number", "integer", "VALUE >= 0"),
    ]
