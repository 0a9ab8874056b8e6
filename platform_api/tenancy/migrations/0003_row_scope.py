"""Whose rows a transaction may touch: functions that read it, and the policies on the tables of tenancy.

A policy of the other apps' tables reads the same functions, so their migrations depend on this one. The scope is a flat list of
ids (a user, teams, projects), because no id means two things. What is common to all tenants (users, groups, sessions,
the catalog) has no policy.
"""

from django.db import migrations

from platform_api.core.migrations import APPLICATION_ROLE, ScopedRows

# Unset, emptied by the end of a former transaction, or a word other than all: nothing.
READING = """
CREATE FUNCTION row_scope_is_everything() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT current_setting('slipway.scope', true) IS NOT DISTINCT FROM 'all'
$$;
CREATE FUNCTION row_scope_ids() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN current_setting('slipway.scope', true) LIKE '{%' THEN current_setting('slipway.scope', true)::uuid[] END
$$;
"""

# Its owner's rights let it see the projects that are to be in the scope, which is empty until it is done. A team brings its
# projects; a project brings its team's id, for what the team has as such, and not the other projects.
ENTERING = """
CREATE FUNCTION row_scope_enter(user_id uuid, team_ids uuid[], project_ids uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('slipway.scope', (user_id || team_ids || project_ids || ARRAY(
        SELECT CASE WHEN project.team_id = ANY (team_ids) THEN project.id ELSE project.team_id END
        FROM public.project WHERE project.team_id = ANY (team_ids) OR project.id = ANY (project_ids)
    ))::text, true);
END $$;
REVOKE ALL ON FUNCTION row_scope_enter(uuid, uuid[], uuid[]) FROM PUBLIC;
"""
GRANT = f"GRANT EXECUTE ON FUNCTION row_scope_enter(uuid, uuid[], uuid[]) TO {APPLICATION_ROLE}"

ROLES = "content_object_id = ANY {ids}"


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_rights")]

    operations = [
        migrations.RunSQL(READING, "DROP FUNCTION row_scope_is_everything(); DROP FUNCTION row_scope_ids()"),
        migrations.RunSQL([ENTERING, GRANT], "DROP FUNCTION row_scope_enter(uuid, uuid[], uuid[])"),
        ScopedRows("team", "id = ANY {ids}"),
        ScopedRows("project", "id = ANY {ids}"),
        ScopedRows("team_user_permission", ROLES),
        ScopedRows("team_group_permission", ROLES),
        ScopedRows("project_user_permission", ROLES),
        ScopedRows("project_group_permission", ROLES),
        ScopedRows("api_token", "user_id = ANY {ids} OR team_id = ANY {ids} OR project_id = ANY {ids}"),
    ]
