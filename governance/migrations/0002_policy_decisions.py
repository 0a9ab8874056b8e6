"""What the policies said of each ask; the table takes inserts only."""

import django.db.models.functions.datetime
from django.db import migrations, models

import platform_api.core.ids
from platform_api.core.migrations import AppendOnly, Grant


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0001_quotas"),
    ]

    operations = [
        migrations.CreateModel(
            name="PolicyDecision",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=platform_api.core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("stage", models.CharField(help_text="request or plan.", max_length=16)),
                ("set_id", models.CharField(blank=True, help_text="Empty where no set answered.", max_length=64)),
                ("set_version", models.IntegerField()),
                ("set_digest", models.CharField(blank=True, help_text="sha256: over the set's files.", max_length=71)),
                ("subject_type", models.CharField(help_text="What was judged, as in the ids' words.", max_length=32)),
                ("subject_id", models.UUIDField()),
                ("project_id", models.UUIDField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[("allow", "Allow"), ("warn", "Warn"), ("deny", "Deny"), ("error", "Error")],
                        max_length=8,
                    ),
                ),
                ("results", models.JSONField(help_text="By policy: id, level, outcome, detail.")),
                (
                    "input_digest",
                    models.CharField(blank=True, help_text="sha256: over the canonical input.", max_length=71),
                ),
                ("input_sealed", models.BinaryField(help_text="Opens at policy_decision/<id>/input.")),
                ("milliseconds", models.FloatField(help_text="What the evaluation took.")),
            ],
            options={
                "db_table": "policy_decision",
                "ordering": ["-id"],
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["subject_type", "subject_id", "id"], name="policy_decision_subject"),
                    models.Index(fields=["project_id", "id"], name="policy_decision_project"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["allow", "warn", "deny", "error"])),
                        name="policy_decision_outcome_is_known",
                    )
                ],
            },
        ),
        Grant("policy_decision", "SELECT, INSERT"),
        AppendOnly("policy_decision"),
    ]
