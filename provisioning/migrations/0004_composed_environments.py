"""Composed environments: what they were ordered as, their components, and which of those needs which.

What an environment is never changes, one that is to go never comes back, a closed one is final: a trigger refuses it to
everyone.
"""

import django.db.models.deletion
from django.db import migrations, models

from platform_api.core.migrations import AppendOnly, Grant

GUARD = """
CREATE FUNCTION environment_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'environment is history: % is refused', TG_OP USING ERRCODE = 'SW002';
    END IF;
    IF OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'environment % is closed: it never changes', OLD.name USING ERRCODE = 'SW002';
    END IF;
    IF (NEW.id, NEW.project_id, NEW.name, NEW.tier, NEW.offering_version_id, NEW.parameters, NEW.source, NEW.created_at)
        IS DISTINCT FROM
       (OLD.id, OLD.project_id, OLD.name, OLD.tier, OLD.offering_version_id, OLD.parameters, OLD.source, OLD.created_at)
    THEN
        RAISE EXCEPTION 'environment % stays what it was made as', OLD.name USING ERRCODE = 'SW002';
    END IF;
    IF OLD.desired = 'absent' AND NEW.desired <> 'absent' THEN
        RAISE EXCEPTION 'environment % is to go: it does not come back', OLD.name USING ERRCODE = 'SW002';
    END IF;
    IF NEW.closed_at IS NOT NULL
        AND EXISTS (SELECT FROM resource WHERE environment_id = NEW.id AND status <> 'deprovisioned')
    THEN
        RAISE EXCEPTION 'environment % holds resources: it cannot be closed', NEW.name USING ERRCODE = 'SW002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER environment_no_comeback BEFORE UPDATE OR DELETE ON environment
    FOR EACH ROW EXECUTE FUNCTION environment_guard();
CREATE TRIGGER environment_no_truncate BEFORE TRUNCATE ON environment
    FOR EACH STATEMENT EXECUTE FUNCTION environment_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0003_composed_offerings"),
        ("provisioning", "0003_credentials"),
        ("tenancy", "0002_rights"),
    ]

    operations = [
        migrations.AddField("environment", "created_by_id", models.UUIDField(null=True)),
        migrations.AddField("environment", "created_by_name", models.CharField(default="", max_length=200)),
        migrations.AddField(
            "environment",
            "offering_version",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.offeringversion",
            ),
        ),
        migrations.AddField("environment", "parameters", models.JSONField(default=dict)),
        migrations.AddField("environment", "reason", models.TextField(blank=True, default="")),
        migrations.AddField("environment", "source", models.JSONField(null=True)),
        migrations.AddIndex(
            "environment",
            models.Index(
                condition=models.Q(("desired", "present"), ("expires_at__isnull", False)),
                fields=["expires_at"],
                name="environment_expiry",
            ),
        ),
        migrations.AddIndex(
            "environment",
            models.Index(
                condition=models.Q(("closed_at", None), ("desired", "absent")),
                fields=["id"],
                name="environment_closing",
            ),
        ),
        migrations.AddConstraint(
            "environment",
            models.CheckConstraint(
                condition=models.Q(("closed_at", None), ("desired", "absent"), _connector="OR"),
                name="environment_closes_on_demand",
            ),
        ),
        migrations.CreateModel(
            name="Component",
            fields=[
                (
                    "resource",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="component",
                        serialize=False,
                        to="provisioning.resource",
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="components",
                        to="provisioning.environment",
                    ),
                ),
                ("name", models.CharField(max_length=40)),
            ],
            options={
                "db_table": "component",
                "ordering": ["resource"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("environment", "name"), name="component_name_is_taken_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ComponentNeed",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "component_id", "needed_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "component",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="needs",
                        to="provisioning.component",
                    ),
                ),
                (
                    "needed",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dependants",
                        to="provisioning.component",
                    ),
                ),
                ("takes", models.JSONField()),
            ],
            options={
                "db_table": "component_need",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("needed__lt", models.F("component"))),
                        name="component_need_goes_in_no_circle",
                    )
                ],
            },
        ),
        AppendOnly("component"),
        AppendOnly("component_need"),
        Grant("component", "SELECT, INSERT"),
        Grant("component_need", "SELECT, INSERT"),
        migrations.RunSQL(GUARD, "DROP FUNCTION environment_guard() CASCADE"),
    ]
