"""Quotas and their ledger, and the function by which a statement refuses itself.

The ledger takes inserts only. ``refuse_unless`` lets one statement of many parts stop as a whole: it raises with SQLSTATE SW001
(a class of our own, used nowhere in PostgreSQL) and the code as message, and a condition that is NULL refuses too.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import platform_api.core.ids
from platform_api.core.migrations import AppendOnly, Grant

REFUSE_UNLESS = """
CREATE FUNCTION refuse_unless(condition boolean, code text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF condition IS NOT TRUE THEN
        RAISE EXCEPTION USING MESSAGE = code, ERRCODE = 'SW001';
    END IF;
    RETURN true;
END $$
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Quota",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=platform_api.core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("scope_type", models.CharField(choices=[("project", "Project"), ("team", "Team")], max_length=8)),
                ("scope_id", models.UUIDField()),
                ("scope_name", models.CharField(help_text="As texts say it, e.g. project:checkout.", max_length=50)),
                ("kind", models.CharField(help_text="points, or count: and a kind of resource.", max_length=48)),
                ("limit", models.IntegerField()),
                ("reserved", models.IntegerField(default=0, help_text="Promised to what is being made.")),
                ("used", models.IntegerField(default=0, help_text="Held by what is there.")),
                ("version", models.IntegerField(default=1, help_text="Counts changes of the limit.")),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
            ],
            options={
                "db_table": "quota",
                "ordering": ["scope_type", "-kind", "scope_id"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("scope_type", "scope_id", "kind"), name="quota_is_one_of_its_kind"),
                    models.CheckConstraint(
                        condition=models.Q(("scope_type__in", ["project", "team"])), name="quota_scope_is_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__regex", "^(points|count:[a-z][a-z0-9-]{0,38}[a-z0-9])\\Z")),
                        name="quota_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("limit__gte", 0), ("reserved__gte", 0), ("used__gte", 0)),
                        name="quota_is_never_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="QuotaEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=platform_api.core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("subject_id", models.UUIDField(help_text="The resource that holds it.")),
                (
                    "move",
                    models.CharField(
                        choices=[
                            ("reserve", "Reserve"),
                            ("commit", "Commit"),
                            ("release", "Release"),
                            ("adjust", "Adjust"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "pool",
                    models.CharField(
                        choices=[("reserved", "Reserved"), ("used", "Used")],
                        help_text="The counter that is changed, or moved from.",
                        max_length=8,
                    ),
                ),
                ("amount", models.IntegerField()),
                ("reserved_after", models.IntegerField()),
                ("used_after", models.IntegerField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("actor_name", models.CharField(max_length=200)),
                ("reason", models.TextField(blank=True, default="")),
                (
                    "quota",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="governance.quota",
                    ),
                ),
            ],
            options={
                "db_table": "quota_entry",
                "ordering": ["-id"],
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["subject_id", "quota"], name="quota_entry_subject"),
                    models.Index(fields=["quota", "id"], name="quota_entry_quota"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount__gt", 0), ("move__in", ["reserve", "commit"]), ("pool", "reserved")),
                            models.Q(("amount__gt", 0), ("move", "release"), ("pool__in", ["reserved", "used"])),
                            models.Q(
                                ("move", "adjust"),
                                ("pool__in", ["reserved", "used"]),
                                models.Q(("amount", 0), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="quota_entry_move_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reserved_after__gte", 0), ("used_after__gte", 0)),
                        name="quota_entry_is_never_negative",
                    ),
                ],
            },
        ),
        Grant("quota", "SELECT, INSERT, UPDATE"),
        Grant("quota_entry", "SELECT, INSERT"),
        AppendOnly("quota_entry"),
        migrations.RunSQL(REFUSE_UNLESS, "DROP FUNCTION refuse_unless(boolean, text)"),
    ]
