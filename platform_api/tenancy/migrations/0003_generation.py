"""Generations: numbers that move when something changes, so that processes can keep what they looked up for minutes.

The first is ``tenancy``: what a token's holder is, and may do. A new token or user moves nothing, for nobody keeps what was
not found; neither does what changes with every use.
"""

from django.db import migrations

from platform_api.core.migrations import Grant, MovesGeneration


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_rights")]

    operations = [
        migrations.RunSQL(
            sql="""
                CREATE TABLE generation (
                    name varchar(32) PRIMARY KEY,
                    number bigint NOT NULL DEFAULT 1
                );
                CREATE FUNCTION generation_move() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    -- Once a transaction: the row that it moved already carries its id.
                    UPDATE generation SET number = number + 1
                        WHERE name = TG_ARGV[0] AND xmin <> pg_current_xact_id()::xid;
                    RETURN NULL;
                END $$;
            """,
            reverse_sql="DROP FUNCTION generation_move(); DROP TABLE generation",
        ),
        Grant("generation", "SELECT, UPDATE"),
        MovesGeneration("api_token", "tenancy", with_new_rows=False, but_for=["last_used_at"]),
        MovesGeneration("tenancy_user", "tenancy", with_new_rows=False, but_for=["last_login", "password", "email"]),
        MovesGeneration("tenancy_user_groups", "tenancy"),
        MovesGeneration("team", "tenancy"),
        MovesGeneration("team_user_permission", "tenancy"),
        MovesGeneration("team_group_permission", "tenancy"),
        MovesGeneration("project", "tenancy"),
        MovesGeneration("project_user_permission", "tenancy"),
        MovesGeneration("project_group_permission", "tenancy"),
    ]
