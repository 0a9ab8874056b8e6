"""Trust rules for CI jobs, which never change but for being switched off, and tokens of jobs that were used."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import platform_api.core.ids
from platform_api.core.migrations import Grant

IMMUTABLE = """
CREATE FUNCTION trust_rule_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.disabled_at IS NOT NULL
        OR to_jsonb(OLD) - 'disabled_at' IS DISTINCT FROM to_jsonb(NEW) - 'disabled_at' THEN
        RAISE EXCEPTION 'trust_rule is only ever switched off: % is refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trust_rule_no_change BEFORE UPDATE OR DELETE ON trust_rule
    FOR EACH ROW EXECUTE FUNCTION trust_rule_is_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0006_token_families"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsedIdentity",
            fields=[
                (
                    "key",
                    models.CharField(
                        help_text="SHA-256 of issuer and jti, in hex.", max_length=64, primary_key=True, serialize=False
                    ),
                ),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "used_identity",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="apitoken",
            name="on_behalf_of",
            field=models.CharField(blank=True, default="", help_text="Which CI job has it.", max_length=300),
        ),
        migrations.CreateModel(
            name="TrustRule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=platform_api.core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("issuer", models.CharField(max_length=200)),
                (
                    "repository_id",
                    models.CharField(
                        max_length=19,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[1-9][0-9]{0,18}\\Z", "Use the number of the repository, not its name."
                            )
                        ],
                    ),
                ),
                (
                    "repository",
                    models.CharField(help_text="Its name when the rule was made; nothing goes by it.", max_length=200),
                ),
                (
                    "ref_pattern",
                    models.CharField(
                        blank=True,
                        max_length=255,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^refs/(heads|tags)/[^*?\\[\\\\~^: \\x00-\\x1f\\x7f]*\\*?\\Z",
                                "Use a whole ref such as refs/heads/main, or its beginning and a star such as refs/heads/release-*.",
                            )
                        ],
                    ),
                ),
                ("environment", models.CharField(blank=True, max_length=255)),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), size=None),
                ),
                ("needs_protected_ref", models.BooleanField(default=False)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), size=None),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("disabled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.project",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.team",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "trust_rule",
                "ordering": ["-id"],
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="apitoken",
            name="trust_rule",
            field=models.ForeignKey(
                blank=True,
                help_text="Why a CI job has it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenancy.trustrule",
            ),
        ),
        migrations.AddIndex(
            model_name="trustrule",
            index=models.Index(
                condition=models.Q(("disabled_at", None)),
                fields=["issuer", "repository_id"],
                name="trust_rule_repository",
            ),
        ),
        migrations.AddConstraint(
            model_name="trustrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("repository_id__regex", "^[1-9][0-9]{0,18}\\Z")),
                name="trust_rule_repository_is_a_number",
            ),
        ),
        migrations.AddConstraint(
            model_name="trustrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ref_pattern", ""), ("ref_pattern__regex", "^refs/(heads|tags)/[^*]*\\*?\\Z"), _connector="OR"
                ),
                name="trust_rule_ref_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="trustrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ref_pattern", ""), _negated=True),
                    models.Q(("environment", ""), _negated=True),
                    _connector="OR",
                ),
                name="trust_rule_names_ref_or_environment",
            ),
        ),
        migrations.AddConstraint(
            model_name="trustrule",
            constraint=models.CheckConstraint(condition=models.Q(("events__len__gt", 0)), name="trust_rule_has_events"),
        ),
        migrations.AddConstraint(
            model_name="trustrule",
            constraint=models.CheckConstraint(condition=models.Q(("scopes__len__gt", 0)), name="trust_rule_has_scopes"),
        ),
        migrations.AddConstraint(
            model_name="trustrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("project__isnull", False), ("team", None)),
                    models.Q(("project", None), ("team__isnull", False)),
                    _connector="OR",
                ),
                name="trust_rule_has_one_binding",
            ),
        ),
        migrations.RunSQL(IMMUTABLE, "DROP FUNCTION trust_rule_is_immutable() CASCADE"),
        Grant("trust_rule", "SELECT, INSERT, UPDATE"),
        Grant("used_identity", "SELECT, INSERT, DELETE"),
    ]
