"""Rights of the application's user on users, teams, projects, tokens, and on the tables of Django and guardian.

Nothing with a history is ever deleted, so DELETE is given only where a row is a present state: a role, a session. Nobody can
be given a model-wide permission at run time: it would open the objects of every tenant.
"""

from django.db import migrations

from platform_api.core.migrations import Grant


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        Grant("tenancy_user", "SELECT, INSERT, UPDATE"),
        Grant("tenancy_user_groups", "SELECT, INSERT, DELETE"),
        Grant("tenancy_user_user_permissions", "SELECT"),
        Grant("team", "SELECT, INSERT, UPDATE"),
        Grant("team_user_permission", "SELECT, INSERT, DELETE"),
        Grant("team_group_permission", "SELECT, INSERT, DELETE"),
        Grant("project", "SELECT, INSERT, UPDATE"),
        Grant("project_user_permission", "SELECT, INSERT, DELETE"),
        Grant("project_group_permission", "SELECT, INSERT, DELETE"),
        Grant("api_token", "SELECT, INSERT, UPDATE"),
        Grant("auth_group", "SELECT, INSERT, UPDATE"),
        Grant("auth_group_permissions", "SELECT"),
        Grant("auth_permission", "SELECT"),
        Grant("django_content_type", "SELECT"),
        Grant("django_admin_log", "SELECT, INSERT"),
        Grant("django_migrations", "SELECT"),
        Grant("django_session", "SELECT, INSERT, UPDATE, DELETE"),
        Grant("guardian_groupobjectpermission", "SELECT"),
        Grant("guardian_userobjectpermission", "SELECT"),
    ]
