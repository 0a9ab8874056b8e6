"""Credentials get a table of their own, one row for each that a resource was ever given.

What a resource's row held becomes number 1, sealed as it is. Who was shown it, the row never told; the audit trail does.
On the way back a resource keeps the newest that may log in. When those of a resource that is gone were shown stands in
the audit trail alone then, because the row is final.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from platform_api.core.migrations import Grant

# Was it ever in place? A run had succeeded, or it could not have been shown.
TO_ROWS = """
INSERT INTO credential (
    resource_id, number, sealed, made_at, tried_at, applied_at, revealed_at, revealed_by_name, discarded_at
)
SELECT id, 1, CASE WHEN status <> 'deprovisioned' THEN sealed_credentials END, made_at, made_at,
    CASE WHEN observed_generation > 0 OR credentials_revealed_at IS NOT NULL THEN coalesce(applied_at, updated_at) END,
    credentials_revealed_at, '', CASE WHEN status = 'deprovisioned' THEN updated_at END
FROM resource CROSS JOIN LATERAL (
    SELECT coalesce(min(started_at), resource.created_at) AS made_at,
        min(finished_at) FILTER (WHERE run.status IN ('applied', 'planned_and_finished')) AS applied_at
    FROM run WHERE run.resource_id = resource.id
) told
WHERE sealed_credentials IS NOT NULL OR credentials_revealed_at IS NOT NULL
"""

TO_COLUMNS = """
UPDATE resource SET sealed_credentials = kept.sealed, credentials_revealed_at = kept.revealed_at
FROM (
    SELECT DISTINCT ON (resource_id) resource_id, sealed, revealed_at FROM credential
    WHERE sealed IS NOT NULL ORDER BY resource_id, number DESC
) kept
WHERE resource.id = kept.resource_id AND resource.status <> 'deprovisioned'
"""


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="Credential",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "resource_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("sealed", models.BinaryField(null=True)),
                ("made_at", models.DateTimeField()),
                ("tried_at", models.DateTimeField(null=True)),
                ("applied_at", models.DateTimeField(null=True)),
                ("revealed_at", models.DateTimeField(null=True)),
                ("revealed_by_id", models.UUIDField(null=True)),
                ("revealed_by_name", models.CharField(blank=True, default="", max_length=200)),
                ("replaced_at", models.DateTimeField(null=True)),
                ("discarded_at", models.DateTimeField(null=True)),
                (
                    "resource",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credentials",
                        to="provisioning.resource",
                    ),
                ),
            ],
            options={
                "db_table": "credential",
                "ordering": ["-number"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(("applied_at", None), ("discarded_at", None)),
                        fields=("resource",),
                        name="credential_is_pending_once",
                    ),
                    models.UniqueConstraint(
                        condition=Q(("applied_at__isnull", False), ("discarded_at", None), ("replaced_at", None)),
                        fields=("resource",),
                        name="credential_is_current_once",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            Q(("sealed__isnull", False), ("discarded_at", None), ("replaced_at", None)),
                            Q(("sealed", None), Q(("discarded_at", None), ("replaced_at", None), _negated=True)),
                            _connector="OR",
                        ),
                        name="credential_is_wiped_when_over",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            ("applied_at__isnull", False),
                            Q(("replaced_at", None), ("revealed_at", None)),
                            _connector="OR",
                        ),
                        name="credential_is_applied_first",
                    ),
                    models.CheckConstraint(
                        condition=Q(("replaced_at", None), ("discarded_at", None), _connector="OR"),
                        name="credential_ends_in_one_way",
                    ),
                    models.CheckConstraint(condition=Q(("number__gte", 1)), name="credential_numbers_begin_with_one"),
                ],
            },
        ),
        Grant("credential", "SELECT, INSERT, UPDATE"),
        migrations.RunSQL(TO_ROWS, TO_COLUMNS),
        migrations.RemoveField(model_name="resource", name="credentials_revealed_at"),
        migrations.RemoveField(model_name="resource", name="sealed_credentials"),
    ]
