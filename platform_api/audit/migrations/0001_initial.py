"""The audit table: append-only, partitioned by the time in its ids.

A year has one partition, made here for twenty years; the default partition takes what comes after, so that an insert never
fails for want of one. Retention is by dropping a year, which only the owner can do.
"""

import datetime

import django.db.models.functions.datetime
from django.db import migrations, models

import platform_api.audit.models.events
import platform_api.core.ids
from platform_api.core.migrations import Grant

FIRST_YEAR, LAST_YEAR = 2026, 2045

TABLE = """
CREATE TABLE audit_event (
    id uuid NOT NULL PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT statement_timestamp(),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    team_id uuid,
    project_id uuid,
    actor_id uuid,
    actor_name varchar(200) NOT NULL,
    actor_kind varchar(16) NOT NULL,
    token_id uuid,
    auth_method varchar(16) NOT NULL,
    ip inet,
    correlation_id varchar(64) NOT NULL,
    trace_id varchar(32) NOT NULL,
    action varchar(64) NOT NULL,
    object_type varchar(32) NOT NULL,
    object_id uuid,
    object_name varchar(300) NOT NULL,
    before jsonb,
    after jsonb,
    outcome varchar(16) NOT NULL,
    code varchar(64) NOT NULL,
    reason text NOT NULL,
    policy_decision jsonb,
    CONSTRAINT audit_event_outcome_is_known CHECK (outcome IN ('succeeded', 'refused', 'failed'))
) PARTITION BY RANGE (id);
CREATE INDEX audit_event_object ON audit_event (object_type, object_id, id);
CREATE INDEX audit_event_project ON audit_event (project_id, id);
CREATE INDEX audit_event_team ON audit_event (team_id, id);
CREATE INDEX audit_event_correlation ON audit_event (correlation_id, id);
CREATE INDEX audit_event_actor ON audit_event (actor_id, id);
"""

APPEND_ONLY = """
CREATE FUNCTION audit_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_event is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_is_append_only();
"""


def no_truncate(table: str) -> str:
    return (
        f"CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_is_append_only();"
    )


def bound(year: int) -> str:
    """Return the smallest UUID whose first 48 bits are the year's first millisecond."""
    milliseconds = int(datetime.datetime(year, 1, 1, tzinfo=datetime.UTC).timestamp() * 1000)
    text = f"{milliseconds:012x}"
    return f"{text[:8]}-{text[8:]}-0000-0000-000000000000"


def partition(year: int) -> str:
    name = f"audit_event_{year}"
    return (
        f"CREATE TABLE {name} PARTITION OF audit_event FOR VALUES FROM ('{bound(year)}') TO ('{bound(year + 1)}');"
        + no_truncate(name)  # a statement trigger is not inherited by partitions
    )


PARTITIONS = [partition(year) for year in range(FIRST_YEAR, LAST_YEAR + 1)]
OTHERS = "CREATE TABLE audit_event_other PARTITION OF audit_event DEFAULT;" + no_truncate("audit_event_other")


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "\n".join([TABLE, APPEND_ONLY, no_truncate("audit_event"), *PARTITIONS, OTHERS]),
                    "DROP TABLE audit_event; DROP FUNCTION audit_event_is_append_only()",
                ),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="AuditEvent",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=platform_api.core.ids.new_id,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        (
                            "at",
                            models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                        ),
                        (
                            "xid",
                            platform_api.audit.models.events.TransactionIdField(
                                db_default=platform_api.audit.models.events.CurrentTransactionId(),
                                editable=False,
                            ),
                        ),
                        ("team_id", models.UUIDField(null=True)),
                        ("project_id", models.UUIDField(null=True)),
                        ("actor_id", models.UUIDField(null=True)),
                        ("actor_name", models.CharField(max_length=200)),
                        ("actor_kind", models.CharField(max_length=16)),
                        ("token_id", models.UUIDField(null=True)),
                        ("auth_method", models.CharField(max_length=16)),
                        ("ip", models.GenericIPAddressField(null=True)),
                        ("correlation_id", models.CharField(max_length=64)),
                        ("trace_id", models.CharField(blank=True, default="", max_length=32)),
                        (
                            "action",
                            models.CharField(help_text="Noun and past verb, e.g. run.applied.", max_length=64),
                        ),
                        ("object_type", models.CharField(max_length=32)),
                        ("object_id", models.UUIDField(null=True)),
                        ("object_name", models.CharField(max_length=300)),
                        ("before", models.JSONField(null=True)),
                        ("after", models.JSONField(null=True)),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("succeeded", "Succeeded"),
                                    ("refused", "Refused"),
                                    ("failed", "Failed"),
                                ],
                                max_length=16,
                            ),
                        ),
                        (
                            "code",
                            models.CharField(
                                blank=True,
                                default="",
                                help_text="Error code of a refusal or failure.",
                                max_length=64,
                            ),
                        ),
                        (
                            "reason",
                            models.TextField(
                                blank=True, default="", help_text="Why, in the actor's or the rule's words."
                            ),
                        ),
                        ("policy_decision", models.JSONField(null=True)),
                    ],
                    options={
                        "db_table": "audit_event",
                        "ordering": ["-id"],
                        "default_permissions": (),
                        "indexes": [
                            models.Index(fields=["object_type", "object_id", "id"], name="audit_event_object"),
                            models.Index(fields=["project_id", "id"], name="audit_event_project"),
                            models.Index(fields=["team_id", "id"], name="audit_event_team"),
                            models.Index(fields=["correlation_id", "id"], name="audit_event_correlation"),
                            models.Index(fields=["actor_id", "id"], name="audit_event_actor"),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("outcome__in", ["succeeded", "refused", "failed"])),
                                name="audit_event_outcome_is_known",
                            )
                        ],
                    },
                ),
            ],
        ),
        Grant("audit_event", "SELECT, INSERT"),
    ]
