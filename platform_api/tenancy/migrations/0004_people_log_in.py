"""How people log in: second factors, who they are to the company's sign-on, and how often somebody tried."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import platform_api.core.ids
from platform_api.core.migrations import Grant


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0003_generation"),
    ]

    operations = [
        migrations.CreateModel(
            name="LogInThrottle",
            fields=[
                ("key", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("taken", models.PositiveIntegerField()),
                ("ends_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "log_in_throttle",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="user",
            name="session_generation",
            field=models.PositiveIntegerField(
                db_default=0,
                help_text="Raised to end every session of the user: one counts only with the number it began with.",
            ),
        ),
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=platform_api.core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("sealed_key", models.BinaryField()),
                ("last_step", models.BigIntegerField(help_text="Number of the 30 seconds whose code was last used.")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="second_factor",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "second_factor",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=platform_api.core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "second_factor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recovery_codes",
                        to="tenancy.secondfactor",
                    ),
                ),
            ],
            options={
                "db_table": "recovery_code",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SignOn",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=platform_api.core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("issuer", models.CharField(max_length=300)),
                ("subject", models.CharField(max_length=255)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sign_ons",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "sign_on",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("issuer", "subject"), name="sign_on_names_one_user")],
            },
        ),
        Grant("log_in_throttle", "SELECT, INSERT, UPDATE, DELETE"),
        Grant("second_factor", "SELECT, INSERT, UPDATE, DELETE"),
        Grant("recovery_code", "SELECT, INSERT, UPDATE, DELETE"),
        Grant("sign_on", "SELECT, INSERT"),
    ]
