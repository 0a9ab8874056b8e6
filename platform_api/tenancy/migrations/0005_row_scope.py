"""Whose rows a transaction may touch: functions that read it, and the policies on the tables of tenancy.

A policy of the other apps' tables reads the same functions, so their migrations depend on this one. The scope is a flat list of
ids (a user, teams, projects), because no id means two things. What is common to all tenants (users, groups, sessions,
the catalog) has no policy.
"""

from django.db import migrations

from platform_api.core.migrations import APPLICATION_ROLE, ScopedRows, belongs_to, belongs_to_any

# Everything has no ids to compare with: NULL. What is unset, emptied by the end of a former transaction, or any other word
# is nothing: an empty array, with which every comparison is false; a NULL among the ids would make some of them NULL.
READING = """
CREATE FUNCTION row_scope_is_everything() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT current_setting('slipway.scope', true) IS NOT DISTINCT FROM 'all'
$$;
CREATE FUNCTION row_scope_ids() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN current_setting('slipway.scope', true) LIKE '{%'
            THEN array_remove(current_setting('slipway.scope', true)::uuid[], NULL)
        WHEN current_setting('slipway.scope', true) IS DISTINCT FROM 'all' THEN '{}'
    END
$$;
"""

# Its owner's rights let it see the projects that are to be in the scope, which is empty until it is done. A team brings
# its projects; a project brings its team's id, for what the team has as such, and not the other projects.
ENTERING = """
CREATE FUNCTION row_scope_enter(is_everything boolean, user_id uuid, team_ids uuid[], project_ids uuid[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('slipway.scope', CASE WHEN is_everything THEN 'all' ELSE (
        user_id || team_ids || project_ids || ARRAY(
            SELECT CASE WHEN project.team_id = ANY (team_ids) THEN project.id ELSE project.team_id END
            FROM public.project WHERE project.team_id = ANY (team_ids) OR project.id = ANY (project_ids)
        ))::text END, true);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION row_scope_enter(boolean, uuid, uuid[], uuid[]) FROM PUBLIC;
"""
GRANT = f"GRANT EXECUTE ON FUNCTION row_scope_enter(boolean, uuid, uuid[], uuid[]) TO {APPLICATION_ROLE}"


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0004_people_log_in")]

    operations = [
        migrations.RunSQL(READING, "DROP FUNCTION row_scope_is_everything(); DROP FUNCTION row_scope_ids()"),
        migrations.RunSQL([ENTERING, GRANT], "DROP FUNCTION row_scope_enter(boolean, uuid, uuid[], uuid[])"),
        ScopedRows("team", belongs_to("id")),
        ScopedRows("project", belongs_to("id")),
        ScopedRows("team_user_permission", belongs_to("content_object_id")),
        ScopedRows("team_group_permission", belongs_to("content_object_id")),
        ScopedRows("project_user_permission", belongs_to("content_object_id")),
        ScopedRows("project_group_permission", belongs_to("content_object_id")),
        ScopedRows(
            "api_token",
            belongs_to_any("user_id = ANY {ids}", "team_id = ANY {ids}", "project_id = ANY {ids}"),
        ),
    ]
