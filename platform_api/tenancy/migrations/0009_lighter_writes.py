"""What the tables need that orders write: a look at the scope for one row, and numbers that are never negative."""

from django.db import migrations

from platform_api.core.migrations import APPLICATION_ROLE, CreateDomain

# Ids are written alike everywhere, and none is part of another. What is unset holds nothing.
HOLDS = """
CREATE FUNCTION row_scope_holds(id uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT current_setting('slipway.scope', true) = 'all' OR strpos(current_setting('slipway.scope', true), id::text) > 0
$$;
"""

# Who has no role on a team brings all ids along, and needs no look at the projects. Its owner's rights let it see the
# projects that are to be in the scope, which is empty until it is done.
ENTERING = """
CREATE FUNCTION row_scope_enter(known_ids uuid[], team_ids uuid[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('slipway.scope', (known_ids || team_ids || ARRAY(
        SELECT project.id FROM public.project WHERE project.team_id = ANY (team_ids)
    ))::text, true);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION row_scope_enter(uuid[], uuid[]) FROM PUBLIC;
"""
GRANT = f"GRANT EXECUTE ON FUNCTION row_scope_enter(uuid[], uuid[]) TO {APPLICATION_ROLE}"


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0008_row_scope_of_log_in")]

    operations = [
        migrations.RunSQL(HOLDS, "DROP FUNCTION row_scope_holds(uuid)"),
        # The function of four parameters stays for processes of the version before, until the next one.
        migrations.RunSQL([ENTERING, GRANT], "DROP FUNCTION row_scope_enter(uuid[], uuid[])"),
        CreateDomain("natural_number", "integer", "VALUE >= 0"),
    ]
